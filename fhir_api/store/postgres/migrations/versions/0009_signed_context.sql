-- Row security asks for a signed context: docs/decisions/0019-signed-tenant-context.md.

-- The table of tenants itself belongs to all of them.
ALTER TABLE fhir.tenant RENAME tenant_id TO number;
SELECT tenancy.guard('fhir');
ALTER TABLE fhir.tenant RENAME number TO tenant_id;

-- Whoever calls a function has put its context in force: a number is no proof.
DO $$
DECLARE
    called regprocedure;
    before text;
    after text;
    setting constant text := 'PERFORM set_config(''stanforis.tenant'', tenant::text, true);';
BEGIN
    FOR called IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'fhir'::regnamespace AND p.prosrc LIKE '%set_config(''stanforis.tenant''%'
    LOOP
        before := pg_get_functiondef(called);
        after := replace(before, setting, '');
        IF after LIKE '%set_config(''stanforis.tenant''%' THEN
            RAISE EXCEPTION '% is not as it was expected', called;
        END IF;
        EXECUTE after;
    END LOOP;
END $$;
