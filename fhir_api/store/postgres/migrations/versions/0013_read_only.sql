-- A context that is signed for reading changes nothing, as that of a tenant that is suspended. Its signature is looked at
-- by the policy own_tenant, beside these.

DO $$
DECLARE
    found regclass;
    writes constant text := '(SELECT split_part(current_setting(''stanforis.tenant'', true), ''.'', 2) <> ''read'')';
BEGIN
    FOR found IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'fhir'::regnamespace AND c.relkind IN ('r', 'p') AND c.relforcerowsecurity
    LOOP
        EXECUTE format('CREATE POLICY only_writers_add ON %s AS RESTRICTIVE FOR INSERT WITH CHECK (%s)', found, writes);
        EXECUTE format('CREATE POLICY only_writers_change ON %s AS RESTRICTIVE FOR UPDATE USING (true) '
                       'WITH CHECK (%s)', found, writes);
        EXECUTE format('CREATE POLICY only_writers_remove ON %s AS RESTRICTIVE FOR DELETE USING (%s)', found, writes);
    END LOOP;
END $$;
