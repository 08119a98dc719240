-- What is, as the dataplane has confirmed it, and what was measured. The controller alone writes these rows.
-- They refer to desired rows that may be gone already, so without foreign keys.

CREATE TABLE node_state (
    node       int    PRIMARY KEY,
    process    int    NOT NULL,
    generation bigint NOT NULL,
    status     text   NOT NULL,
    reason     text
);

CREATE TABLE link_state (
    link       int    PRIMARY KEY,
    generation bigint NOT NULL,
    status     text   NOT NULL,
    reason     text
);

CREATE TABLE route_state (
    route      int    PRIMARY KEY,
    generation bigint NOT NULL,
    status     text   NOT NULL,
    reason     text
);

CREATE TABLE flow_state (
    flow            int    PRIMARY KEY,
    generation      bigint NOT NULL,
    status          text   NOT NULL,
    bytes           bigint NOT NULL,  -- that the sink has received
    seconds         float8 NOT NULL,
    retransmitted   bigint NOT NULL,
    reordered       bigint NOT NULL,
    checksum_source text,
    checksum_sink   text,
    route           int,
    reason          text
);

CREATE TABLE runs (
    id       text        PRIMARY KEY,
    started  timestamptz NOT NULL DEFAULT now(),
    ended    timestamptz,
    status   text        NOT NULL DEFAULT 'running',
    seed     numeric(20) NOT NULL,  -- 64 bits without a sign
    scenario text        NOT NULL,
    result   jsonb
);

-- Counters are totals since the run began; a row that would repeat the one before is left out.
CREATE TABLE link_metrics (
    run     text        NOT NULL,
    time    timestamptz NOT NULL,
    link    int         NOT NULL,
    node    int         NOT NULL,  -- the sending end
    bytes   bigint      NOT NULL,
    packets bigint      NOT NULL,
    drops   jsonb       NOT NULL,  -- cause -> packets, where there were any
    queue   bigint      NOT NULL   -- bytes waiting now
);

CREATE TABLE flow_metrics (
    run           text        NOT NULL,
    time          timestamptz NOT NULL,
    flow          int         NOT NULL,
    bytes         bigint      NOT NULL,
    acknowledged  bigint      NOT NULL,
    retransmitted bigint      NOT NULL,
    srtt_us       int         NOT NULL,
    "window"      bigint      NOT NULL
);

-- Rows come in the order of time, which makes these a few pages large and free to keep.
CREATE INDEX link_metrics_time ON link_metrics USING brin (time);
CREATE INDEX flow_metrics_time ON flow_metrics USING brin (time);
