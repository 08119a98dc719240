-- Real applications: nodes have an IPv6 address too.

ALTER TABLE nodes ADD address6 inet UNIQUE;

-- Of flows of packets: how many were sent and arrived, and their median delay (of echo requests: the round trip).
ALTER TABLE flow_state
    ADD sent     bigint,
    ADD received bigint,
    ADD delay_ms float8;
