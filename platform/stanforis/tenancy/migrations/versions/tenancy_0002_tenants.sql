-- Who is served: docs/tenancy.md. Tenant 0 is the installation itself: its context sees and changes these records, and
-- none of a tenant's data.

-- What a tenant may use; null: as much as there is.
CREATE TABLE tenancy.plan (
    name             text PRIMARY KEY,
    requests_per_day bigint CHECK (requests_per_day > 0),
    resources        bigint CHECK (resources > 0),
    storage_bytes    bigint CHECK (storage_bytes > 0)
);
INSERT INTO tenancy.plan VALUES
    ('unlimited', NULL, NULL, NULL),
    ('trial', 20000, 100000, 1073741824),
    ('clinic', 500000, 5000000, 53687091200),
    ('hospital', 10000000, 100000000, 1099511627776);

CREATE SEQUENCE tenancy.tenant_number AS integer START 2;
CREATE TABLE tenancy.tenant (
    tenant_id    integer PRIMARY KEY DEFAULT nextval('tenancy.tenant_number') CHECK (tenant_id > 0),
    slug         text COLLATE "C" NOT NULL UNIQUE CHECK (slug ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name         text NOT NULL,
    state        text NOT NULL DEFAULT 'trial'
                 CHECK (state IN ('trial', 'active', 'suspended', 'exported', 'shredded')),
    plan         text NOT NULL DEFAULT 'unlimited' REFERENCES tenancy.plan,
    profiles     text CHECK (profiles IN ('off', 'warn', 'enforce')),   -- null: as the installation
    time_zone    text,                                                  -- null: as the installation
    languages    text[] NOT NULL DEFAULT '{}',
    packages     text[] NOT NULL DEFAULT '{}',                          -- name@version
    cors_origins text[] NOT NULL DEFAULT '{}',
    created      timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tenancy.tenant (tenant_id, slug, name, state) VALUES (1, 'default', 'default', 'active');

-- Which states a tenant was in, and since when. Nothing is ever taken out.
CREATE TABLE tenancy.passage (
    tenant_id integer NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    state     text NOT NULL,
    PRIMARY KEY (tenant_id, at)
);
INSERT INTO tenancy.passage (tenant_id, state) VALUES (1, 'active');

-- Another number with every change of a tenant or plan: processes compare it with what they hold in memory.
CREATE TABLE tenancy.directory (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation bigint NOT NULL
);
INSERT INTO tenancy.directory (generation) VALUES (1);

CREATE FUNCTION tenancy.changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE tenancy.directory SET generation = generation + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON tenancy.tenant
FOR EACH STATEMENT EXECUTE FUNCTION tenancy.changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON tenancy.plan
FOR EACH STATEMENT EXECUTE FUNCTION tenancy.changed();

CREATE FUNCTION tenancy.passed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tenancy.passage (tenant_id, state) VALUES (NEW.tenant_id, NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER passed AFTER INSERT OR UPDATE OF state ON tenancy.tenant
FOR EACH ROW EXECUTE FUNCTION tenancy.passed();

-- What tenants used: entries are added and never changed, and one that comes again under its id counts once.
CREATE TABLE tenancy.usage (
    tenant_id integer NOT NULL,
    entry     text COLLATE "C" NOT NULL,      -- id of a request, or of the batch of requests that was noted together
    at        timestamptz NOT NULL DEFAULT now(),
    requests  bigint NOT NULL,
    resources bigint NOT NULL,                -- added; less than none where more were deleted
    bytes     bigint NOT NULL,                -- of new versions
    PRIMARY KEY (tenant_id, entry)
);

-- The sum of each day, so that nobody has to add up the ledger.
CREATE TABLE tenancy.consumed (
    tenant_id integer NOT NULL,
    day       date NOT NULL,                  -- of UTC
    requests  bigint NOT NULL,
    resources bigint NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
);

CREATE FUNCTION tenancy.consume() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tenancy.consumed AS c (tenant_id, day, requests, resources, bytes)
    VALUES (NEW.tenant_id, (NEW.at AT TIME ZONE 'UTC')::date, NEW.requests, NEW.resources, NEW.bytes)
    ON CONFLICT (tenant_id, day) DO UPDATE
        SET requests = c.requests + excluded.requests, resources = c.resources + excluded.resources,
            bytes = c.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER consume AFTER INSERT ON tenancy.usage FOR EACH ROW EXECUTE FUNCTION tenancy.consume();

-- The owner of these tables is the operator; the server's role sees a tenant's own rows, or in the context of the
-- installation all.
DO $$
DECLARE
    found name;
BEGIN
    FOREACH found IN ARRAY ARRAY['tenant', 'passage', 'usage', 'consumed'] LOOP
        EXECUTE format('ALTER TABLE tenancy.%I ENABLE ROW LEVEL SECURITY', found);
        EXECUTE format('CREATE POLICY own_tenant ON tenancy.%I USING ((SELECT tenancy.current()) IN (0, tenant_id)) '
                       'WITH CHECK ((SELECT tenancy.current()) IN (0, tenant_id))', found);
    END LOOP;
END $$;
CREATE POLICY installation_adds ON tenancy.tenant AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT tenancy.current()) = 0);
CREATE POLICY installation_changes ON tenancy.tenant AS RESTRICTIVE FOR UPDATE
    USING ((SELECT tenancy.current()) = 0) WITH CHECK ((SELECT tenancy.current()) = 0);

GRANT SELECT ON tenancy.plan, tenancy.directory, tenancy.passage, tenancy.consumed TO stanforis_app;
GRANT SELECT, INSERT, UPDATE ON tenancy.tenant TO stanforis_app;
GRANT SELECT, INSERT ON tenancy.usage TO stanforis_app;
GRANT USAGE ON SEQUENCE tenancy.tenant_number TO stanforis_app;
