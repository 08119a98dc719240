-- Algorithms: who reads along as samples are written, and what became of each.

-- In the order in which they are written: whoever has read up to one reads on from there.
ALTER TABLE link_metrics ADD id bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE flow_metrics ADD id bigint GENERATED ALWAYS AS IDENTITY;
CREATE INDEX link_metrics_id ON link_metrics (id);
CREATE INDEX flow_metrics_id ON flow_metrics (id);

-- Written by who started the algorithm; decisions and last_ms by the algorithm's process.
CREATE TABLE algorithm_state (
    name      text   PRIMARY KEY,
    algorithm text   NOT NULL,  -- what was asked for: a name, a file or a class
    status    text   NOT NULL CHECK (status IN ('running', 'failed', 'stopped')),
    restarts  int    NOT NULL DEFAULT 0,
    decisions bigint NOT NULL DEFAULT 0,  -- that were committed
    last_ms   float8,                     -- of the last one: from what it was about to its commit
    reason    text
);

DO $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER announce_insert AFTER INSERT ON algorithm_state REFERENCING NEW TABLE AS new_rows
             FOR EACH STATEMENT EXECUTE FUNCTION announce(%1$L, ''name'', '''');
         CREATE TRIGGER announce_update AFTER UPDATE ON algorithm_state
             REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
             FOR EACH STATEMENT EXECUTE FUNCTION announce(%1$L, ''name'', '''');
         CREATE TRIGGER announce_delete AFTER DELETE ON algorithm_state REFERENCING OLD TABLE AS old_rows
             FOR EACH STATEMENT EXECUTE FUNCTION announce(%1$L, ''name'', '''');
         CREATE TRIGGER announce_truncate AFTER TRUNCATE ON algorithm_state
             FOR EACH STATEMENT EXECUTE FUNCTION announce(%1$L, ''name'', '''');',
        announce_channel(current_schema(), 'state')
    );
END $$;
