-- Row security asks for a signed context, which whoever calls a function puts in force:
-- docs/decisions/0019-signed-tenant-context.md.

SELECT tenancy.guard('hl7');

DO $$
DECLARE
    called regprocedure;
BEGIN
    FOR called IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'hl7'::regnamespace AND p.prosrc LIKE '%set_config(''stanforis.tenant''%'
    LOOP
        EXECUTE replace(pg_get_functiondef(called), 'PERFORM set_config(''stanforis.tenant'', p_tenant::text, true);', '');
    END LOOP;
END $$;
