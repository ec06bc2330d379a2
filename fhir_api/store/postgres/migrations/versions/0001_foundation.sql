-- The canonical store: current resources, superseded versions, and the search index as narrow tables.
-- Reasons and measurements: docs/decisions/0002-storage.md.

CREATE SCHEMA fhir;

-- Secrets and marks of this installation; one row.
CREATE TABLE fhir.installation (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    hash_seed   bigint NOT NULL,              -- keys the 64-bit hashes, so that nobody can prepare colliding values
    cursor_key  bytea NOT NULL,               -- signs page cursors
    extraction  text                          -- fingerprint of the index definitions the stored index was made with
);
INSERT INTO fhir.installation (hash_seed, cursor_key)
VALUES (('x' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 16))::bit(64)::bigint,
        sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

CREATE TABLE fhir.tenant (
    tenant_id   integer PRIMARY KEY,
    name        text NOT NULL UNIQUE
);
INSERT INTO fhir.tenant VALUES (1, 'default');

-- rid: the resource's number inside the store. Workers take blocks of 1,000.
CREATE SEQUENCE fhir.rid INCREMENT BY 1000;

CREATE TABLE fhir.resource (
    tenant_id    integer NOT NULL,
    rid          bigint NOT NULL,
    id_hash      bigint NOT NULL,             -- hash of Type/id; also what reference rows point at
    last_updated bigint NOT NULL,             -- milliseconds since 1970
    low          bigint NOT NULL,             -- primary clinical date, milliseconds since 1970
    marker       bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    index_hash   bigint NOT NULL,             -- equal hash, equal index rows
    version      integer NOT NULL,
    type_id      smallint NOT NULL,
    change       smallint NOT NULL,           -- 1 create, 2 update, 3 delete, 4 patch
    fhir_id      text COLLATE "C" NOT NULL,
    present      bytea NOT NULL,              -- bit n: the type's n-th parameter has a value (for :missing)
    body         bytea NOT NULL,
    PRIMARY KEY (tenant_id, rid),
    UNIQUE (tenant_id, id_hash)
);
ALTER TABLE fhir.resource ALTER body SET STORAGE EXTERNAL;   -- it is compressed already
CREATE INDEX resource_by_update ON fhir.resource (tenant_id, type_id, last_updated, rid);
CREATE INDEX resource_by_marker ON fhir.resource (tenant_id, marker, rid);

CREATE TABLE fhir.history (
    tenant_id    integer NOT NULL,
    rid          bigint NOT NULL,
    version      integer NOT NULL,
    last_updated bigint NOT NULL,
    marker       bigint NOT NULL,
    type_id      smallint NOT NULL,
    change       smallint NOT NULL,
    fhir_id      text COLLATE "C" NOT NULL,
    body         bytea NOT NULL,
    PRIMARY KEY (tenant_id, rid, version)
);
ALTER TABLE fhir.history ALTER body SET STORAGE EXTERNAL;
CREATE INDEX history_by_update ON fhir.history (tenant_id, type_id, last_updated, rid, version);
CREATE INDEX history_by_marker ON fhir.history (tenant_id, marker, rid, version);

-- The index. Each table's rows are their own key; param is the number of (type, parameter).
CREATE TABLE fhir.token (
    tenant_id integer NOT NULL, param integer NOT NULL, hash bigint NOT NULL, low bigint NOT NULL, rid bigint NOT NULL,
    PRIMARY KEY (tenant_id, param, hash, low, rid)
);
CREATE STATISTICS fhir.token_values (dependencies, mcv) ON param, hash FROM fhir.token;
ALTER TABLE fhir.token ALTER hash SET STATISTICS 500;

-- Which coded values a parameter has at all: turns a code without system, or a system without code, into hashes.
CREATE TABLE fhir.token_code (
    tenant_id integer NOT NULL, param integer NOT NULL, code_hash bigint NOT NULL, hash bigint NOT NULL,
    system text COLLATE "C", code text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, param, code_hash, hash)
);

CREATE TABLE fhir.reference (
    tenant_id integer NOT NULL, param integer NOT NULL, target bigint NOT NULL, low bigint NOT NULL, rid bigint NOT NULL,
    PRIMARY KEY (tenant_id, param, target, low, rid)
);
CREATE INDEX reference_of_resource ON fhir.reference (tenant_id, rid, param, target);
CREATE STATISTICS fhir.reference_values (dependencies, mcv) ON param, target FROM fhir.reference;
ALTER TABLE fhir.reference ALTER target SET STATISTICS 500;

-- param is negative for wide intervals (see encode.py), so that narrow ones are found between two bounds of low.
CREATE TABLE fhir.date (
    tenant_id integer NOT NULL, param integer NOT NULL, low bigint NOT NULL, high bigint NOT NULL, rid bigint NOT NULL,
    PRIMARY KEY (tenant_id, param, low, high, rid)
);
CREATE INDEX date_of_resource ON fhir.date (tenant_id, rid, param, low, high);

CREATE TABLE fhir.string (
    tenant_id integer NOT NULL, param integer NOT NULL,
    folded text COLLATE "C" NOT NULL,         -- what is compared, cut at 500 characters
    exact bigint NOT NULL,                    -- hash of the text as written, for :exact
    rid bigint NOT NULL,
    PRIMARY KEY (tenant_id, param, folded, exact, rid)
);
CREATE INDEX string_of_resource ON fhir.string (tenant_id, rid, param);

-- unit is the hash of system|code, and 0 for numbers; token_code knows which units a parameter has.
CREATE TABLE fhir.quantity (
    tenant_id integer NOT NULL, param integer NOT NULL, unit bigint NOT NULL, value float8 NOT NULL, rid bigint NOT NULL,
    PRIMARY KEY (tenant_id, param, unit, value, rid)
);
CREATE INDEX quantity_of_resource ON fhir.quantity (tenant_id, rid, param, unit, value);

-- One row a combination: exact components are hashed into first and second, an ordered one is [low, high), text is folded.
CREATE TABLE fhir.composite (
    tenant_id integer NOT NULL, param integer NOT NULL, first bigint NOT NULL, second bigint NOT NULL,
    low float8 NOT NULL, high float8 NOT NULL, folded text COLLATE "C" NOT NULL, rid bigint NOT NULL,
    PRIMARY KEY (tenant_id, param, first, low, second, high, folded, rid)
);

-- Every table of tenants keeps them apart, whatever a query says.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['resource', 'history', 'token', 'token_code', 'reference', 'date', 'string', 'quantity',
                                'composite'] LOOP
        EXECUTE format('ALTER TABLE fhir.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE fhir.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everyone ON fhir.%I USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY own_tenant ON fhir.%I AS RESTRICTIVE '
                       'USING (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer)) '
                       'WITH CHECK (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer))', name);
        EXECUTE format('ALTER TABLE fhir.%I SET (autovacuum_vacuum_insert_scale_factor = 0.1, '
                       'autovacuum_analyze_scale_factor = 0.05)', name);
    END LOOP;
END $$;

-- Arrays under names of their own: the driver hands them over as ready bytes (see arrays.py).
CREATE DOMAIN fhir.smallints AS smallint[];
CREATE DOMAIN fhir.integers AS integer[];
CREATE DOMAIN fhir.bigints AS bigint[];
CREATE DOMAIN fhir.doubles AS float8[];
CREATE DOMAIN fhir.texts AS text[];
CREATE DOMAIN fhir.byteas AS bytea[];

-- Store changes of many resources in one call: all of them or, by an error, none.
-- The arrays of a group run in parallel: new_* are first versions, next_* replace version next_version - 1,
-- *_add and *_del are index rows (added and removed by their whole key).
-- A plan is kept, also one made while a table was empty: so the order of joins is fixed (LATERAL, OFFSET 0).
-- Raises 40001 when a resource is not at the version that was read, 23505 when a new one exists already.
CREATE FUNCTION fhir.write(
    tenant integer, now_ms bigint,
    new_rid fhir.bigints, new_id_hash fhir.bigints, new_low fhir.bigints, new_index_hash fhir.bigints, new_type fhir.smallints,
    new_change fhir.smallints, new_id fhir.texts, new_present fhir.byteas, new_body fhir.byteas,
    next_rid fhir.bigints, next_version fhir.integers, next_low fhir.bigints, next_index_hash fhir.bigints, next_change fhir.smallints,
    next_present fhir.byteas, next_body fhir.byteas,
    token_param fhir.integers, token_hash fhir.bigints, token_low fhir.bigints, token_rid fhir.bigints,
    code_param fhir.integers, code_code_hash fhir.bigints, code_hash fhir.bigints, code_system fhir.texts, code_code fhir.texts,
    reference_param fhir.integers, reference_target fhir.bigints, reference_low fhir.bigints, reference_rid fhir.bigints,
    date_param fhir.integers, date_low fhir.bigints, date_high fhir.bigints, date_rid fhir.bigints,
    string_param fhir.integers, string_folded fhir.texts, string_exact fhir.bigints, string_rid fhir.bigints,
    quantity_param fhir.integers, quantity_unit fhir.bigints, quantity_value fhir.doubles, quantity_rid fhir.bigints,
    composite_param fhir.integers, composite_first fhir.bigints, composite_second fhir.bigints, composite_low fhir.doubles,
    composite_high fhir.doubles, composite_folded fhir.texts, composite_rid fhir.bigints
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE moved integer;
BEGIN
    PERFORM set_config('stanforis.tenant', tenant::text, true);
    IF cardinality(next_rid) > 0 THEN
        WITH superseded AS MATERIALIZED (
            SELECT r.* FROM (SELECT * FROM unnest(next_rid, next_version) AS u (rid, version) ORDER BY u.rid) n
            CROSS JOIN LATERAL (
                SELECT r.rid, r.version, r.last_updated, r.marker, r.type_id, r.change, r.fhir_id, r.body
                FROM fhir.resource r WHERE r.tenant_id = tenant AND r.rid = n.rid AND r.version = n.version - 1
                OFFSET 0 FOR UPDATE
            ) r
        )
        INSERT INTO fhir.history (tenant_id, rid, version, last_updated, marker, type_id, change, fhir_id, body)
        SELECT tenant, rid, version, last_updated, marker, type_id, change, fhir_id, body FROM superseded;
        GET DIAGNOSTICS moved = ROW_COUNT;
        IF moved <> cardinality(next_rid) THEN
            RAISE EXCEPTION 'a resource is no longer at the version that was read' USING ERRCODE = '40001';
        END IF;
        -- The rows are there and locked, so each conflicts: a conflict is found through the key, however a join is planned.
        INSERT INTO fhir.resource AS r (tenant_id, rid, id_hash, last_updated, low, index_hash, version, type_id, change,
                                        fhir_id, present, body)
        SELECT tenant, n.rid, 0, now_ms, n.low, n.index_hash, n.version, 0, n.change, '', n.present, n.body
        FROM unnest(next_rid, next_version, next_low, next_index_hash, next_change, next_present, next_body)
            AS n (rid, version, low, index_hash, change, present, body)
        ON CONFLICT (tenant_id, rid) DO UPDATE
        SET version = excluded.version, last_updated = greatest(now_ms, r.last_updated + 1), low = excluded.low,
            marker = pg_current_xact_id()::text::bigint, index_hash = excluded.index_hash, change = excluded.change,
            present = excluded.present, body = excluded.body;
    END IF;
    IF cardinality(new_rid) > 0 THEN
        INSERT INTO fhir.resource (tenant_id, rid, id_hash, last_updated, low, index_hash, version, type_id, change,
                                   fhir_id, present, body)
        SELECT tenant, n.rid, n.id_hash, now_ms, n.low, n.index_hash, 1, n.type_id, n.change, n.fhir_id, n.present, n.body
        FROM unnest(new_rid, new_id_hash, new_low, new_index_hash, new_type, new_change, new_id, new_present, new_body)
            AS n (rid, id_hash, low, index_hash, type_id, change, fhir_id, present, body);
    END IF;
    IF cardinality(token_rid) > 0 THEN
        INSERT INTO fhir.token SELECT tenant, n.* FROM unnest(token_param, token_hash, token_low, token_rid) AS n;
    END IF;
    IF cardinality(code_hash) > 0 THEN
        INSERT INTO fhir.token_code
        SELECT tenant, n.* FROM unnest(code_param, code_code_hash, code_hash, code_system, code_code) AS n
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(reference_rid) > 0 THEN
        INSERT INTO fhir.reference
        SELECT tenant, n.* FROM unnest(reference_param, reference_target, reference_low, reference_rid) AS n;
    END IF;
    IF cardinality(date_rid) > 0 THEN
        INSERT INTO fhir.date SELECT tenant, n.* FROM unnest(date_param, date_low, date_high, date_rid) AS n;
    END IF;
    IF cardinality(string_rid) > 0 THEN
        INSERT INTO fhir.string SELECT tenant, n.* FROM unnest(string_param, string_folded, string_exact, string_rid) AS n;
    END IF;
    IF cardinality(quantity_rid) > 0 THEN
        INSERT INTO fhir.quantity
        SELECT tenant, n.* FROM unnest(quantity_param, quantity_unit, quantity_value, quantity_rid) AS n;
    END IF;
    IF cardinality(composite_rid) > 0 THEN
        INSERT INTO fhir.composite
        SELECT tenant, n.* FROM unnest(composite_param, composite_first, composite_second, composite_low, composite_high,
                                       composite_folded, composite_rid) AS n;
    END IF;
END $$;

-- Remove index rows, each by its whole key: a statement for each, whose plan can only be that key.
CREATE FUNCTION fhir.unindex(
    tenant integer,
    token_param fhir.integers, token_hash fhir.bigints, token_low fhir.bigints, token_rid fhir.bigints,
    reference_param fhir.integers, reference_target fhir.bigints, reference_low fhir.bigints, reference_rid fhir.bigints,
    date_param fhir.integers, date_low fhir.bigints, date_high fhir.bigints, date_rid fhir.bigints,
    string_param fhir.integers, string_folded fhir.texts, string_exact fhir.bigints, string_rid fhir.bigints,
    quantity_param fhir.integers, quantity_unit fhir.bigints, quantity_value fhir.doubles, quantity_rid fhir.bigints,
    composite_param fhir.integers, composite_first fhir.bigints, composite_second fhir.bigints, composite_low fhir.doubles,
    composite_high fhir.doubles, composite_folded fhir.texts, composite_rid fhir.bigints
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('stanforis.tenant', tenant::text, true);
    FOR i IN 1 .. cardinality(token_rid) LOOP
        DELETE FROM fhir.token
        WHERE tenant_id = tenant AND param = token_param[i] AND hash = token_hash[i] AND low = token_low[i]
          AND rid = token_rid[i];
    END LOOP;
    FOR i IN 1 .. cardinality(reference_rid) LOOP
        DELETE FROM fhir.reference
        WHERE tenant_id = tenant AND param = reference_param[i] AND target = reference_target[i]
          AND low = reference_low[i] AND rid = reference_rid[i];
    END LOOP;
    FOR i IN 1 .. cardinality(date_rid) LOOP
        DELETE FROM fhir.date
        WHERE tenant_id = tenant AND param = date_param[i] AND low = date_low[i] AND high = date_high[i]
          AND rid = date_rid[i];
    END LOOP;
    FOR i IN 1 .. cardinality(string_rid) LOOP
        DELETE FROM fhir.string
        WHERE tenant_id = tenant AND param = string_param[i] AND folded = string_folded[i]
          AND exact = string_exact[i] AND rid = string_rid[i];
    END LOOP;
    FOR i IN 1 .. cardinality(quantity_rid) LOOP
        DELETE FROM fhir.quantity
        WHERE tenant_id = tenant AND param = quantity_param[i] AND unit = quantity_unit[i]
          AND value = quantity_value[i] AND rid = quantity_rid[i];
    END LOOP;
    FOR i IN 1 .. cardinality(composite_rid) LOOP
        DELETE FROM fhir.composite
        WHERE tenant_id = tenant AND param = composite_param[i] AND first = composite_first[i]
          AND second = composite_second[i] AND low = composite_low[i] AND high = composite_high[i]
          AND folded = composite_folded[i] AND rid = composite_rid[i];
    END LOOP;
END $$;

-- Take over what the index made anew says of resources; bodies and versions stay.
CREATE FUNCTION fhir.reindexed(
    tenant integer, rids fhir.bigints, lows fhir.bigints, hashes fhir.bigints, presents fhir.byteas
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('stanforis.tenant', tenant::text, true);
    FOR i IN 1 .. cardinality(rids) LOOP
        UPDATE fhir.resource SET low = lows[i], index_hash = hashes[i], present = presents[i]
        WHERE tenant_id = tenant AND rid = rids[i];
    END LOOP;
END $$;

-- Every connection of the server works as this role: it owns nothing and row security binds it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stanforis_app') THEN
        CREATE ROLE stanforis_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
END $$;
GRANT USAGE ON SCHEMA fhir TO stanforis_app;
GRANT SELECT, INSERT, UPDATE ON fhir.resource TO stanforis_app;
GRANT SELECT, INSERT ON fhir.history, fhir.token_code TO stanforis_app;
GRANT SELECT, INSERT, DELETE ON fhir.token, fhir.reference, fhir.date, fhir.string, fhir.quantity, fhir.composite
    TO stanforis_app;
GRANT SELECT ON fhir.installation, fhir.tenant TO stanforis_app;
GRANT UPDATE (extraction) ON fhir.installation TO stanforis_app;
GRANT USAGE ON SEQUENCE fhir.rid TO stanforis_app;
