-- Datagrams of QUIC links (RFC 9221).

ALTER TABLE links
    ADD datagrams boolean NOT NULL DEFAULT false;  -- for packets that no session sends again; only over QUIC

ALTER TABLE link_metrics
    ADD datagrams bigint NOT NULL DEFAULT 0,  -- packets that left in datagrams
    ADD oversized bigint NOT NULL DEFAULT 0;  -- packets that were too large for one
