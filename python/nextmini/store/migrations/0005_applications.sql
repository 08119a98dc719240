-- Real applications: nodes have an IPv6 address too.

ALTER TABLE nodes ADD address6 inet UNIQUE;
