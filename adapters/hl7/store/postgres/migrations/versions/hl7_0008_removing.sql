-- Messages that are done with are removed by age: docs/hl7v2.md.

ALTER TABLE hl7.message ADD COLUMN settled_at bigint NOT NULL DEFAULT 0;    -- milliseconds since 1970: when last

CREATE FUNCTION hl7.milliseconds() RETURNS bigint LANGUAGE sql AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

DO $$
DECLARE
    v_called regprocedure;
BEGIN
    FOR v_called IN
        SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'hl7'::regnamespace AND p.proname IN ('settle', 'close')
    LOOP
        EXECUTE replace(pg_get_functiondef(v_called), 'SET state = ', 'SET settled_at = hl7.milliseconds(), state = ');
    END LOOP;
END $$;

GRANT DELETE ON hl7.message TO stanforis_app;

-- Look at p_limit messages after number p_after, in their order, and remove those that are mapped or closed and came, and
-- were settled, before their sender's time; p_default goes for senders that are not in p_senders, 0 keeps all. Says how
-- many were removed, and after which number to go on; none where all that follow are younger.
CREATE FUNCTION hl7.remove(
    p_tenant integer, p_senders text[], p_befores bigint[], p_default bigint, p_after bigint, p_limit integer
) RETURNS TABLE (removed bigint, go_on_after bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_latest bigint := greatest(p_default, (SELECT max(b) FROM unnest(p_befores) AS b));
    v_numbers bigint[];
BEGIN
    SELECT CASE WHEN count(*) = p_limit AND bool_or(x.received_at < v_latest) THEN max(x.number) END INTO go_on_after
        FROM (SELECT m.number, m.received_at FROM hl7.message m
              WHERE m.tenant_id = p_tenant AND m.number > p_after ORDER BY m.number LIMIT p_limit) x;
    v_numbers := ARRAY(
        SELECT m.number FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.state IN (3, 5) AND greatest(m.received_at, m.settled_at)
              < coalesce((SELECT u.before FROM unnest(p_senders, p_befores) AS u (sender, before)
                          WHERE u.sender = m.sender), p_default)
          AND m.number IN (SELECT x.number FROM hl7.message x
                           WHERE x.tenant_id = p_tenant AND x.number > p_after ORDER BY x.number LIMIT p_limit)
        FOR UPDATE SKIP LOCKED);
    DELETE FROM hl7.control c USING hl7.message m
        WHERE m.tenant_id = p_tenant AND m.number = ANY (v_numbers) AND c.tenant_id = p_tenant AND c.sender = m.sender
          AND c.control_id = m.control_id AND c.number = m.number;
    DELETE FROM hl7.work w WHERE w.tenant_id = p_tenant AND w.number = ANY (v_numbers);
    DELETE FROM hl7.message m WHERE m.tenant_id = p_tenant AND m.number = ANY (v_numbers);
    removed := cardinality(v_numbers);
    RETURN NEXT;
END $$;
