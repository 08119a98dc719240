-- Rows that change while a network runs: what cannot be is refused, with the row by its name.

-- Who writes several rows in one transaction may do so in any order.
ALTER TABLE links
    ALTER CONSTRAINT links_a_fkey DEFERRABLE INITIALLY DEFERRED,
    ALTER CONSTRAINT links_b_fkey DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE flows
    ALTER CONSTRAINT flows_source_fkey DEFERRABLE INITIALLY DEFERRED,
    ALTER CONSTRAINT flows_destination_fkey DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE flow_routes
    ALTER CONSTRAINT flow_routes_flow_fkey DEFERRABLE INITIALLY DEFERRED,
    ALTER CONSTRAINT flow_routes_route_fkey DEFERRABLE INITIALLY DEFERRED;

-- A path by the names of its nodes, and a number where there is no such node.
CREATE FUNCTION path_text(path int[]) RETURNS text
LANGUAGE sql STABLE
RETURN (
    SELECT string_agg(coalesce(nodes.name, '#' || node), ' ' ORDER BY place)
    FROM unnest(path) WITH ORDINALITY AS hops (node, place) LEFT JOIN nodes ON nodes.id = node
);

CREATE FUNCTION refuse_route() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    named constant text := format('route %s (%s)', NEW.id, coalesce(path_text(NEW.path), 'no path'));
BEGIN
    IF NEW.weight <= 0 THEN
        RAISE EXCEPTION '%: weight % is not above 0', named, NEW.weight
            USING ERRCODE = 'check_violation', HINT = 'delete the row if no flow is to take it';
    END IF;
    RAISE EXCEPTION '%: a path has at least two nodes', named USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON routes
    FOR EACH ROW WHEN (NEW.weight <= 0 OR cardinality(NEW.path) < 2) EXECUTE FUNCTION refuse_route();

CREATE FUNCTION refuse_flow() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.rate <= 0 THEN
        RAISE EXCEPTION 'flow "%": rate % is not above 0', NEW.name, NEW.rate
            USING ERRCODE = 'check_violation', HINT = 'rates are in bit/s; NULL is no limit';
    END IF;
    RAISE EXCEPTION 'flow "%": weight % is not above 0', NEW.name, NEW.weight
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON flows
    FOR EACH ROW WHEN (NEW.rate <= 0 OR NEW.weight <= 0) EXECUTE FUNCTION refuse_flow();

-- What a flow is does not change: its ends have counted on it since it began.
CREATE FUNCTION refuse_flow_change() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    free    constant text[] := '{name,rate,weight}';
    changed text;
BEGIN
    SELECT string_agg(key, ', ' ORDER BY key) INTO changed
    FROM jsonb_each(to_jsonb(NEW) - free) AS new (key, value)
    WHERE value IS DISTINCT FROM to_jsonb(OLD) -> key;
    IF changed IS NOT NULL THEN
        RAISE EXCEPTION 'flow "%": % cannot change', OLD.name, changed
            USING ERRCODE = 'check_violation',
                  HINT = 'only name, rate and weight can; delete the flow and insert another one';
    END IF;
    IF NEW.rate IS NULL AND NEW.kind IN ('udp', 'icmp') THEN
        RAISE EXCEPTION 'flow "%": a flow of kind % has a rate', NEW.name, NEW.kind
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER refuse_change BEFORE UPDATE ON flows FOR EACH ROW EXECUTE FUNCTION refuse_flow_change();

-- A pin is to a route of the flow's own pair. Looked at when the transaction ends, as somebody may move a route
-- and its pins at once.
CREATE FUNCTION refuse_pin() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    wrong record;
BEGIN
    SELECT flows.name AS flow, path_text(ARRAY[flows.source, flows.destination]) AS pair, routes.id AS route,
           path_text(routes.path) AS path
    INTO wrong
    FROM flow_routes JOIN flows ON flows.id = flow_routes.flow JOIN routes ON routes.id = flow_routes.route
    WHERE (routes.path[1], routes.path[cardinality(routes.path)]) <> (flows.source, flows.destination)
      AND CASE TG_TABLE_NAME WHEN 'routes' THEN routes.id = (to_jsonb(NEW) ->> 'id')::int
                             ELSE flows.id = (to_jsonb(NEW) ->> 'flow')::int END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'flow "%" goes from %, and cannot be pinned to route % (%)',
            wrong.flow, replace(wrong.pair, ' ', ' to '), wrong.route, wrong.path
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON flow_routes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_pin();
CREATE CONSTRAINT TRIGGER refuse_pins AFTER UPDATE OF path ON routes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION refuse_pin();
