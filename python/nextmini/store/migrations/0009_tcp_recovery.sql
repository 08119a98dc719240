-- How flows took their losses: timeouts, and the congestion windows of tcp flows.

ALTER TABLE flow_metrics
    ADD COLUMN timeouts bigint NOT NULL DEFAULT 0,
    ADD COLUMN cwnd     bigint;  -- bytes; null of a flow that has no congestion window
