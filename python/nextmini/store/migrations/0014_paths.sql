-- What real paths between sites are like, below the links that cross them.

ALTER TABLE link_metrics
    ADD rtt_us bigint,  -- the shortest round trip of the connection, in microseconds; null where it is not watched
    ADD most_bps bigint;  -- the most bits a second that have passed in an interval; likewise
