-- Remove what a tenant has in every guarded table, and return how many rows that were. Its record, the ledger of what it
-- used and the audit trail stay. For the owner alone; what was exported may be shredded, nothing else.
CREATE FUNCTION tenancy.shred(shredded integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    guarded regclass;
    gone bigint;
    total bigint := 0;
BEGIN
    UPDATE tenancy.tenant SET state = 'shredded' WHERE tenant_id = shredded AND state = 'exported';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant % is not exported', shredded USING ERRCODE = 'TN001';
    END IF;
    PERFORM tenancy.enter(tenancy.sign(shredded, 'shred', 3600));
    FOR guarded IN
        SELECT p.polrelid FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE p.polname = 'own_tenant' AND NOT c.relispartition
          AND c.relnamespace NOT IN ('tenancy'::regnamespace, coalesce(to_regnamespace('audit'), 0))
    LOOP
        EXECUTE format('DELETE FROM %s WHERE tenant_id = $1', guarded) USING shredded;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
    END LOOP;
    RETURN total;
END $$;
REVOKE ALL ON FUNCTION tenancy.shred(integer) FROM PUBLIC;
