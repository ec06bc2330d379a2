-- Packages of definitions, the policy for declared profiles, and a number that says when definitions changed.
-- Reasons: docs/decisions/0006-definitions-of-tenants.md.

-- What the resources of a tenant do when they declare a profile; null: as the installation's setting says.
ALTER TABLE fhir.tenant ADD profiles text CHECK (profiles IN ('off', 'warn', 'enforce'));

-- Packages added to a tenant. The definitions themselves are resources like any other.
CREATE TABLE fhir.package (
    tenant_id    integer NOT NULL,
    name         text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    canonical    text NOT NULL,
    dependencies text[] NOT NULL,             -- name@version
    digest       text NOT NULL,               -- SHA-256 of the content
    complete     boolean NOT NULL,            -- every definition was stored
    added_at     bigint NOT NULL,             -- milliseconds since 1970
    resources    text[] NOT NULL,             -- Type/id/_history/version, as stored then
    PRIMARY KEY (tenant_id, name, version)
);

-- Packages that every tenant gets, also one that comes later: so their archives are kept. Belongs to no tenant.
CREATE TABLE fhir.shared_package (
    name         text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    added_at     timestamptz NOT NULL DEFAULT now(),
    archive      bytea NOT NULL,
    PRIMARY KEY (name, version)
);
ALTER TABLE fhir.shared_package ALTER archive SET STORAGE EXTERNAL;   -- it is compressed already

-- Another number whenever a tenant's definitions changed: processes compare it with what they hold in memory.
CREATE TABLE fhir.definitions_state (
    tenant_id    integer PRIMARY KEY,
    generation   bigint NOT NULL
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['package', 'definitions_state'] LOOP
        EXECUTE format('ALTER TABLE fhir.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE fhir.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everyone ON fhir.%I USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY own_tenant ON fhir.%I AS RESTRICTIVE '
                       'USING (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer)) '
                       'WITH CHECK (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer))', name);
    END LOOP;
END $$;

-- The number is the transaction's, which no other has: so a transaction that changes many definitions changes it once.
-- It says that something changed, not in which order.
CREATE FUNCTION fhir.definition_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fhir.definitions_state AS s (tenant_id, generation)
    VALUES (NEW.tenant_id, pg_current_xact_id()::text::bigint)
    ON CONFLICT (tenant_id) DO UPDATE SET generation = excluded.generation WHERE s.generation <> excluded.generation;
    RETURN NULL;
END $$;

-- CodeSystem, ConceptMap, NamingSystem, OperationDefinition, Questionnaire, SearchParameter, StructureDefinition, ValueSet.
-- For every other type PostgreSQL looks at one number and goes on.
CREATE TRIGGER definition_changed AFTER INSERT OR UPDATE OF version ON fhir.resource
FOR EACH ROW WHEN (NEW.type_id IN (22, 27, 94, 98, 112, 123, 128, 144))
EXECUTE FUNCTION fhir.definition_changed();

GRANT SELECT, INSERT, UPDATE, DELETE ON fhir.package TO stanforis_app;
GRANT SELECT, INSERT, UPDATE ON fhir.definitions_state TO stanforis_app;
GRANT SELECT ON fhir.shared_package TO stanforis_app;
