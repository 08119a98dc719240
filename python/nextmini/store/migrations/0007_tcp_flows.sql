-- TCP flows: connections of a TCP/IP stack in user space. Other flows have neither; what a TCP flow does not say is
-- "cubic" and "ipv4".

ALTER TABLE flows
    ADD congestion text,  -- "cubic", "reno" or "none"
    ADD family     text;  -- "ipv4" or "ipv6"
