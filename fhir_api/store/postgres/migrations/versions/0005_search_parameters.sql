-- Search parameters that tenants define themselves. Reasons: docs/decisions/0009-search-parameters-of-tenants.md.

-- What a tenant's SearchParameter resources came to. A changed one is registered anew: its number is part of the numbers
-- of its rows, so rows of the old definition are never taken for the new one's.
CREATE SEQUENCE fhir.search_parameter_number AS integer;
CREATE TABLE fhir.search_parameter (
    tenant_id      integer NOT NULL,
    number         integer NOT NULL,
    source         bigint NOT NULL,           -- rid of the SearchParameter
    source_version integer NOT NULL,          -- as it was registered
    state          text NOT NULL CHECK (state IN ('building', 'live', 'removing', 'refused')),
    definition     text NOT NULL,             -- as JSON: what is indexed (of a refused one: what it is called)
    reason         text NOT NULL DEFAULT '',  -- why it is refused
    PRIMARY KEY (tenant_id, number)
);

-- Work on index rows in the background: one batch after the other, each a transaction with its own progress.
CREATE SEQUENCE fhir.reindex_job_number;
CREATE TABLE fhir.reindex_job (
    tenant_id  integer NOT NULL,
    job        bigint NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('build', 'remove', 'reindex')),
    title      text NOT NULL,                 -- names of types and parameters, for a person
    types      smallint[] NOT NULL,
    parameters integer[] NOT NULL,            -- numbers of registrations; empty: all rows
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    reason     text NOT NULL DEFAULT '',
    barrier    bigint,                        -- transactions before this one may have written without the parameters
    place      bigint NOT NULL DEFAULT 0,     -- rid of the last resource that was looked at
    seen       bigint NOT NULL DEFAULT 0,     -- of the resources before the barrier
    total      bigint NOT NULL DEFAULT 0,
    made       bigint NOT NULL DEFAULT 0,     -- rows
    next_at    bigint NOT NULL DEFAULT 0,     -- milliseconds since 1970: not before then
    created    bigint NOT NULL,
    finished   bigint,
    PRIMARY KEY (tenant_id, job)
);
CREATE INDEX reindex_job_open ON fhir.reindex_job (tenant_id, job) WHERE finished IS NULL;

-- generation: of the set of parameters that writers index; another one with every change of it.
-- definitions: the generation of definitions_state that was looked at last.
CREATE TABLE fhir.parameter_state (
    tenant_id   integer PRIMARY KEY,
    generation  bigint NOT NULL,
    definitions bigint NOT NULL
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['search_parameter', 'reindex_job', 'parameter_state'] LOOP
        EXECUTE format('ALTER TABLE fhir.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE fhir.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everyone ON fhir.%I USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY own_tenant ON fhir.%I AS RESTRICTIVE '
                       'USING (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer)) '
                       'WITH CHECK (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer))', name);
    END LOOP;
END $$;

-- Called in front of every write: refuse it when the writer does not know the tenant's parameters as they are.
-- The transaction gets its number before it looks, and each statement of a volatile function has a snapshot of its own:
-- so whoever still saw the old generation has a number below any that is given out after the new one was committed.
CREATE FUNCTION fhir.expect_parameters(tenant integer, expected bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
    PERFORM set_config('stanforis.tenant', tenant::text, true);
    PERFORM pg_current_xact_id();
    SELECT s.generation INTO found FROM fhir.parameter_state s WHERE s.tenant_id = tenant;
    IF coalesce(found, 0) <> expected THEN
        RAISE EXCEPTION 'the search parameters of the tenant are others now' USING ERRCODE = 'SP001';
    END IF;
END $$;

-- Add index rows where they are not there already.
CREATE FUNCTION fhir.index_own(
    tenant integer,
    token_param fhir.integers, token_hash fhir.bigints, token_low fhir.bigints, token_rid fhir.bigints,
    reference_param fhir.integers, reference_target fhir.bigints, reference_low fhir.bigints, reference_rid fhir.bigints,
    date_param fhir.integers, date_low fhir.bigints, date_high fhir.bigints, date_rid fhir.bigints,
    string_param fhir.integers, string_folded fhir.texts, string_exact fhir.bigints, string_rid fhir.bigints,
    quantity_param fhir.integers, quantity_unit fhir.bigints, quantity_value fhir.doubles, quantity_rid fhir.bigints,
    composite_param fhir.integers, composite_first fhir.bigints, composite_second fhir.bigints, composite_low fhir.doubles,
    composite_high fhir.doubles, composite_folded fhir.texts, composite_rid fhir.bigints
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('stanforis.tenant', tenant::text, true);
    IF cardinality(token_rid) > 0 THEN
        INSERT INTO fhir.token (tenant_id, param, hash, low, rid)
        SELECT tenant, n.* FROM unnest(token_param, token_hash, token_low, token_rid) AS n
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(reference_rid) > 0 THEN
        INSERT INTO fhir.reference (tenant_id, param, target, low, rid)
        SELECT tenant, n.* FROM unnest(reference_param, reference_target, reference_low, reference_rid) AS n
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(date_rid) > 0 THEN
        INSERT INTO fhir.date (tenant_id, param, low, high, rid)
        SELECT tenant, n.* FROM unnest(date_param, date_low, date_high, date_rid) AS n
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(string_rid) > 0 THEN
        INSERT INTO fhir.string (tenant_id, param, folded, exact, rid)
        SELECT tenant, n.* FROM unnest(string_param, string_folded, string_exact, string_rid) AS n
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(quantity_rid) > 0 THEN
        INSERT INTO fhir.quantity (tenant_id, param, unit, value, rid)
        SELECT tenant, n.* FROM unnest(quantity_param, quantity_unit, quantity_value, quantity_rid) AS n
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(composite_rid) > 0 THEN
        INSERT INTO fhir.composite (tenant_id, param, first, second, low, high, folded, rid)
        SELECT tenant, n.* FROM unnest(composite_param, composite_first, composite_second, composite_low, composite_high, composite_folded, composite_rid) AS n
        ON CONFLICT DO NOTHING;
    END IF;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON fhir.search_parameter, fhir.reindex_job TO stanforis_app;
GRANT SELECT, INSERT, UPDATE ON fhir.parameter_state TO stanforis_app;
GRANT DELETE ON fhir.token_code TO stanforis_app;
GRANT USAGE ON SEQUENCE fhir.search_parameter_number, fhir.reindex_job_number TO stanforis_app;
