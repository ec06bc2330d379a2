-- The audit trail: batches of records, the terms they are found by, and the seals that chain them.
-- Reasons and measurements: docs/decisions, "Audit trail in sealed batches".

CREATE SCHEMA audit;

-- The number of a batch is its time in milliseconds and 20 bits that tell those of one millisecond apart. A partition
-- holds the batches of a month.
CREATE SEQUENCE audit.number;

CREATE TABLE audit.batch (
    tenant_id   integer NOT NULL,
    batch_id    bigint NOT NULL,
    marker      bigint NOT NULL,              -- number of the transaction, that of audit.era added
    events      integer NOT NULL,
    mac         bytea NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant_id, batch_id)
) PARTITION BY RANGE (batch_id);
ALTER TABLE audit.batch ALTER body SET STORAGE EXTERNAL;     -- it is compressed already
CREATE INDEX batch_by_marker ON audit.batch (tenant_id, marker, batch_id);

CREATE TABLE audit.term (
    tenant_id   integer NOT NULL,
    term        bigint NOT NULL,
    batch_id    bigint NOT NULL,
    PRIMARY KEY (tenant_id, term, batch_id)
) PARTITION BY RANGE (batch_id);

CREATE TABLE audit.seal (
    tenant_id   integer NOT NULL,
    number      integer NOT NULL,
    made_at     bigint NOT NULL,
    low         bigint NOT NULL,
    high        bigint NOT NULL,
    batches     integer NOT NULL,
    mac         bytea NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

-- The months that have partitions: from the first number of a batch in them to the first behind them.
CREATE TABLE audit.month (first bigint PRIMARY KEY, behind bigint NOT NULL);

-- A database that is restored elsewhere counts transactions from anew. What is added to their numbers keeps markers
-- growing all the same.
CREATE TABLE audit.era (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), added bigint NOT NULL DEFAULT 0);
INSERT INTO audit.era DEFAULT VALUES;

CREATE FUNCTION audit.protect(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE audit.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE audit.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY everyone ON audit.%I USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY own_tenant ON audit.%I AS RESTRICTIVE USING (tenant_id = (SELECT tenancy.current())) '
                   'WITH CHECK (tenant_id = (SELECT tenancy.current()))', name);
END $$;
SELECT audit.protect(name) FROM unnest(ARRAY['batch', 'term', 'seal']) AS name;

-- The first number of a batch in the month that *at_ms* (milliseconds since 1970) is in.
CREATE FUNCTION audit.month_of(at_ms bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(epoch FROM date_trunc('month', to_timestamp(at_ms / 1000.0) AT TIME ZONE 'UTC')) * 1000)::bigint << 20;
$$;

-- Make the partitions of the month that *at_ms* (milliseconds since 1970) is in. They are attached, not created in
-- place: so nobody who writes to another month waits.
CREATE FUNCTION audit.make_month(at_ms bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    starts timestamp := date_trunc('month', to_timestamp(at_ms / 1000.0) AT TIME ZONE 'UTC');
    low bigint := audit.month_of(at_ms);
    high bigint := (extract(epoch FROM starts + interval '1 month') * 1000)::bigint << 20;
    parent text;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(x'61756469'::integer, 0);
    IF EXISTS (SELECT FROM audit.month WHERE first = low) THEN
        RETURN;
    END IF;
    IF abs(extract(epoch FROM now()) * 1000 - at_ms) > 366::bigint * 86400000 THEN
        RAISE EXCEPTION 'the clocks of server and database are a year apart';
    END IF;
    FOREACH parent IN ARRAY ARRAY['batch', 'term'] LOOP
        name := parent || to_char(starts, '_YYYY_MM');
        EXECUTE format('CREATE TABLE audit.%I (LIKE audit.%I INCLUDING ALL)', name, parent);
        PERFORM audit.protect(name);
        EXECUTE format('ALTER TABLE audit.%I ATTACH PARTITION audit.%I FOR VALUES FROM (%s) TO (%s)',
                       parent, name, low, high);
        EXECUTE format('ALTER TABLE audit.%I SET (autovacuum_vacuum_insert_scale_factor = 0.1, '
                       'autovacuum_analyze_scale_factor = 0.05)', name);
    END LOOP;
    INSERT INTO audit.month VALUES (low, high);
END $$;

-- Make room for this month and the next two, and let markers grow on after a restore. The context of each tenant is in
-- force inside of this function only: what was in force before is so again behind it.
CREATE FUNCTION audit.prepare() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text := coalesce(current_setting('stanforis.tenant', true), '');
    ahead integer;
    tenant integer;
    most bigint := 0;
BEGIN
    FOR ahead IN 0..2 LOOP
        PERFORM audit.make_month((extract(epoch FROM
            (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))) * 1000)::bigint);
    END LOOP;
    FOR tenant IN SELECT t.tenant_id FROM fhir.tenant t LOOP
        PERFORM tenancy.enter(tenancy.sign(tenant, 'audit', 60));
        SELECT greatest(most, (SELECT max(s.high) FROM audit.seal s WHERE s.tenant_id = tenant)) INTO most;
    END LOOP;
    PERFORM set_config('stanforis.tenant', before, true);
    UPDATE audit.era SET added = most - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    WHERE added + pg_snapshot_xmin(pg_current_snapshot())::text::bigint < most;
END $$;

-- Each function takes the tenant from the signed context that is put in force beside it: audit.add(tenancy.enter($1), ...).

-- Store a batch. *waits* is false where the answer need not wait for the disk. The month's partitions were made ahead, but
-- for a server that slept for months.
CREATE FUNCTION audit.add(
    t integer, at_ms bigint, event_count integer, content bytea, content_mac bytea, terms bigint[], waits boolean
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint := (at_ms << 20) | (nextval('audit.number') & 1048575);
BEGIN
    IF NOT waits THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    IF NOT EXISTS (SELECT FROM audit.month m WHERE m.first <= made AND made < m.behind) THEN
        PERFORM audit.make_month(at_ms);
    END IF;
    INSERT INTO audit.batch VALUES
        (t, made, pg_current_xact_id()::text::bigint + (SELECT e.added FROM audit.era e), event_count, content_mac, content);
    INSERT INTO audit.term SELECT t, each, made FROM unnest(terms) AS each;
    RETURN made;
END $$;

-- Batches with any of some terms, or all; the newest first.
CREATE FUNCTION audit.find(t integer, any_of bigint[], low bigint, high bigint, most integer)
RETURNS TABLE (batch_id bigint, mac bytea, body bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF any_of IS NULL THEN
        RETURN QUERY SELECT b.batch_id, b.mac, b.body FROM audit.batch b
            WHERE b.tenant_id = t AND b.batch_id >= low AND b.batch_id < high ORDER BY b.batch_id DESC LIMIT most;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT b.batch_id, b.mac, b.body FROM (
            SELECT DISTINCT n.batch_id FROM unnest(any_of) AS wanted CROSS JOIN LATERAL (
                SELECT m.batch_id FROM audit.term m
                WHERE m.tenant_id = t AND m.term = wanted AND m.batch_id >= low AND m.batch_id < high
                ORDER BY m.batch_id DESC LIMIT most
            ) n ORDER BY n.batch_id DESC LIMIT most
        ) found CROSS JOIN LATERAL (
            SELECT b.batch_id, b.mac, b.body FROM audit.batch b
            WHERE b.tenant_id = t AND b.batch_id = found.batch_id OFFSET 0
        ) b ORDER BY b.batch_id DESC;
END $$;

CREATE FUNCTION audit.one(t integer, wanted bigint)
RETURNS TABLE (batch_id bigint, mac bytea, body bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT b.batch_id, b.mac, b.body FROM audit.batch b WHERE b.tenant_id = t AND b.batch_id = wanted;
END $$;

-- Batches by their markers, for seals: complete where every transaction below *high* has ended.
CREATE FUNCTION audit.between(t integer, low bigint, high bigint, behind bigint, most integer)
RETURNS TABLE (batch_id bigint, mac bytea, body bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT b.batch_id, b.mac, b.body FROM audit.batch b
        WHERE b.tenant_id = t AND b.marker >= low AND b.marker < high AND b.batch_id > behind
        ORDER BY b.batch_id LIMIT most;
END $$;

-- Begin to seal: false where another process does. The lock is held until the transaction ends.
CREATE FUNCTION audit.begin_seal(t integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN pg_try_advisory_xact_lock(x'61756470'::integer, t);
END $$;

-- Below which marker every transaction has ended.
CREATE FUNCTION audit.settled() RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + e.added FROM audit.era e;
$$;

CREATE FUNCTION audit.last_seal(t integer) RETURNS SETOF audit.seal LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.* FROM audit.seal s WHERE s.tenant_id = t ORDER BY s.number DESC LIMIT 1;
END $$;

CREATE FUNCTION audit.unsealed(t integer, low bigint, high bigint)
RETURNS TABLE (batch_id bigint, mac bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT b.batch_id, b.mac FROM audit.batch b
        WHERE b.tenant_id = t AND b.marker >= low AND b.marker < high ORDER BY b.batch_id;
END $$;

CREATE FUNCTION audit.add_seal(
    t integer, seal_number integer, at_ms bigint, from_marker bigint, to_marker bigint, batch_count integer, seal_mac bytea
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit.seal VALUES (t, seal_number, at_ms, from_marker, to_marker, batch_count, seal_mac);
END $$;

CREATE FUNCTION audit.seals(t integer, after integer, most integer) RETURNS SETOF audit.seal LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.* FROM audit.seal s WHERE s.tenant_id = t AND s.number > after ORDER BY s.number LIMIT most;
END $$;

-- How many of some pairs of term and batch are not stored.
CREATE FUNCTION audit.missing_terms(t integer, wanted bigint[], batches bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT count(*) FROM unnest(wanted, batches) AS w (term, batch_id) WHERE NOT EXISTS (
            SELECT FROM audit.term m WHERE m.tenant_id = t AND m.term = w.term AND m.batch_id = w.batch_id
        )
    );
END $$;

-- The server's role adds and reads. It has no right to change or remove anything, nor any right on a partition itself.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO stanforis_app;
GRANT SELECT, INSERT ON audit.batch, audit.term, audit.seal TO stanforis_app;
GRANT SELECT ON audit.month, audit.era TO stanforis_app;
GRANT USAGE ON SEQUENCE audit.number TO stanforis_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA audit TO stanforis_app;
REVOKE EXECUTE ON FUNCTION audit.protect(text) FROM stanforis_app;
