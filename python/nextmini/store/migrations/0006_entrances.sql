-- Max mode for programs: entrances at nodes, and nodes whose programs' connections are redirected.

-- An entrance is an object with "listen" ("address:port"), "mode" ("max" or "normal"), "exit" (the id of the node
-- where connections leave the network, or null), "users" (HMAC-SHA256 of each password with its name as key, in
-- hexadecimal digits; anyone may use it if there are none) and "connections" (the most at the same time).
ALTER TABLE nodes
    ADD socks             jsonb NOT NULL DEFAULT '[]',
    ADD transparent       int   CHECK (transparent BETWEEN 1 AND 65535),  -- where redirected connections arrive
    ADD transparent_ports int[] CHECK (cardinality(transparent_ports) > 0);  -- those to other ports are not; null: all
