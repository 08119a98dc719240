-- Every change is announced, one NOTIFY a statement, as {"table": ..., "op": ..., "ids": [...]}.
--
-- Channels: nextmini:<schema> for what is desired, nextmini:<schema>:state and nextmini:<schema>:metrics.
-- A channel has at most 63 bytes: a longer schema stands in it as the first 32 hex digits of its SHA-256.
-- A payload has at most 8000: ids are left out when there are too many, and by TRUNCATE.

CREATE FUNCTION announce_channel(schema text, topic text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'nextmini:'
    || CASE WHEN octet_length(schema) <= 46 THEN schema
            ELSE left(encode(sha256(convert_to(schema, 'UTF8')), 'hex'), 32) END
    || CASE WHEN topic = '' THEN '' ELSE ':' || topic END;

-- Arguments: the channel; the column that holds the ids, or '' if they are not announced.
CREATE FUNCTION announce() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    most    constant int := 1500;  -- ids; more never fit
    changed text := 'SELECT %1$I AS id FROM new_rows';
    ids     jsonb;
    payload jsonb := jsonb_build_object('table', TG_TABLE_NAME, 'op', lower(TG_OP));
    found_ids int;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        IF TG_OP = 'DELETE' THEN
            changed := 'SELECT %1$I AS id FROM old_rows';
        ELSIF TG_OP = 'UPDATE' THEN
            changed := changed || ' UNION ALL SELECT %1$I FROM old_rows';
        END IF;
        EXECUTE format(
            'SELECT count(*), jsonb_agg(id ORDER BY id) FROM (SELECT DISTINCT id FROM (' || changed || ') AS c LIMIT %2$s) AS d',
            TG_ARGV[1], most + 1
        ) INTO found_ids, ids;
        IF found_ids = 0 THEN
            RETURN NULL;
        END IF;
        IF TG_ARGV[2] = 'ids' AND found_ids <= most AND octet_length(ids::text) <= 7000 THEN
            payload := payload || jsonb_build_object('ids', ids);
        END IF;
    END IF;
    PERFORM pg_notify(TG_ARGV[0], payload::text);
    RETURN NULL;
END $$;

DO $$
DECLARE
    announced record;
BEGIN
    FOR announced IN
        SELECT name, announce_channel(current_schema(), topic) AS channel, key, ids
        FROM (VALUES
            ('nodes', '', 'id', 'ids'), ('links', '', 'id', 'ids'), ('routes', '', 'id', 'ids'),
            ('flows', '', 'id', 'ids'), ('flow_routes', '', 'flow', 'ids'), ('events', '', 'id', 'ids'),
            ('node_state', 'state', 'node', 'ids'), ('link_state', 'state', 'link', 'ids'),
            ('route_state', 'state', 'route', 'ids'), ('flow_state', 'state', 'flow', 'ids'),
            ('runs', 'state', 'id', ''),
            ('link_metrics', 'metrics', 'link', 'ids'), ('flow_metrics', 'metrics', 'flow', 'ids')
        ) AS tables (name, topic, key, ids)
    LOOP
        -- A transition table takes one event, hence three triggers; TRUNCATE has none.
        EXECUTE format(
            'CREATE TRIGGER announce_insert AFTER INSERT ON %1$I REFERENCING NEW TABLE AS new_rows
                 FOR EACH STATEMENT EXECUTE FUNCTION announce(%2$L, %3$L, %4$L);
             CREATE TRIGGER announce_update AFTER UPDATE ON %1$I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                 FOR EACH STATEMENT EXECUTE FUNCTION announce(%2$L, %3$L, %4$L);
             CREATE TRIGGER announce_delete AFTER DELETE ON %1$I REFERENCING OLD TABLE AS old_rows
                 FOR EACH STATEMENT EXECUTE FUNCTION announce(%2$L, %3$L, %4$L);
             CREATE TRIGGER announce_truncate AFTER TRUNCATE ON %1$I
                 FOR EACH STATEMENT EXECUTE FUNCTION announce(%2$L, %3$L, %4$L);',
            announced.name, announced.channel, announced.key, announced.ids
        );
    END LOOP;
END $$;
