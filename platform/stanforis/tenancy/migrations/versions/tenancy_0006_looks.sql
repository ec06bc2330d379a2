-- A table that says of every tenant whether there is something to do, and has nothing that a tenant stored, may be looked at in
-- the context of the installation: so that a process asks once for all tenants. It changes no row there.
CREATE FUNCTION tenancy.let_look(looked_at regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP POLICY own_tenant ON %s', looked_at);
    -- not with IN, which would call the function twice for a statement
    EXECUTE format('CREATE POLICY own_tenant ON %s AS RESTRICTIVE USING ((SELECT tenancy.current()) = ANY (ARRAY[0, tenant_id])) '
                   'WITH CHECK (tenant_id = (SELECT tenancy.current()))', looked_at);
    EXECUTE format('CREATE POLICY installation_looks ON %s AS RESTRICTIVE FOR DELETE '
                   'USING (tenant_id = (SELECT tenancy.current()))', looked_at);
END $$;
REVOKE ALL ON FUNCTION tenancy.let_look(regclass) FROM PUBLIC;

-- As before (tenancy_0001), but tables that the installation may look at stay as they are.
CREATE OR REPLACE FUNCTION tenancy.guard(guarded name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found regclass;
BEGIN
    FOR found IN
        SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = guarded::text::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'installation_looks')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', found);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', found);
        EXECUTE format('DROP POLICY IF EXISTS everyone ON %s', found);
        EXECUTE format('DROP POLICY IF EXISTS own_tenant ON %s', found);
        EXECUTE format('CREATE POLICY everyone ON %s USING (true) WITH CHECK (true)', found);
        -- a sub-query without a variable is carried out once for a statement, not for each row
        EXECUTE format('CREATE POLICY own_tenant ON %s AS RESTRICTIVE USING (tenant_id = (SELECT tenancy.current())) '
                       'WITH CHECK (tenant_id = (SELECT tenancy.current()))', found);
    END LOOP;
END $$;
