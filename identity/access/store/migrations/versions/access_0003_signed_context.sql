-- Row security asks for a signed context, which whoever calls a function puts in force:
-- docs/decisions/0019-signed-tenant-context.md.

SELECT tenancy.guard('access');

DO $$
DECLARE
    called regprocedure;
BEGIN
    FOR called IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'access'::regnamespace AND p.prosrc LIKE '%PERFORM access.as_tenant(t);%'
    LOOP
        EXECUTE replace(pg_get_functiondef(called), 'PERFORM access.as_tenant(t);', '');
    END LOOP;
END $$;

DROP FUNCTION access.as_tenant(integer);
