-- To verify a context costs more than the look-up of a row. So a session has each context verified once, and what was found
-- good is kept where the server's role can neither read nor write: docs/decisions/0019-signed-tenant-context.md.
CREATE UNLOGGED TABLE tenancy.admitted (
    process integer NOT NULL,                 -- the database process that it was verified in
    said    text COLLATE "C" NOT NULL,        -- the whole setting, with its signature
    tenant  integer NOT NULL,
    until   timestamptz NOT NULL,
    PRIMARY KEY (process, said)
);
CREATE INDEX admitted_by_end ON tenancy.admitted (until);

-- Verify a context and remember it for this session until it is over; null, and nothing is remembered, where it is not good.
-- What others left behind is removed, some at a time.
CREATE FUNCTION tenancy.admit(context text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    verified integer;
BEGIN
    PERFORM set_config('stanforis.tenant', context, true);
    verified := tenancy.current();
    IF verified IS NOT NULL THEN
        DELETE FROM tenancy.admitted WHERE (process, said) IN (
            SELECT a.process, a.said FROM tenancy.admitted a WHERE a.until < now() LIMIT 100 FOR UPDATE SKIP LOCKED
        );
        INSERT INTO tenancy.admitted
        VALUES (pg_backend_pid(), context, verified, to_timestamp(split_part(context, '.', 3)::float8))
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN verified;
END $$;

-- The tenant that the setting stanforis.tenant is signed for, as tenancy.current() gives it; that is asked only where the
-- session was not told of the setting before. Policies look here with the rights of the view's owner.
CREATE VIEW tenancy.context WITH (security_barrier) AS
SELECT coalesce(
    (
        SELECT a.tenant FROM tenancy.admitted a
        WHERE a.process = pg_backend_pid() AND a.said = current_setting('stanforis.tenant', true) AND a.until > now()
    ),
    tenancy.current()
) AS tenant;
GRANT SELECT ON tenancy.context TO stanforis_app;

-- As before, but nothing that was admitted is good any longer.
CREATE OR REPLACE FUNCTION tenancy.renew_key() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    made bytea := sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
    FOR i IN 0 .. 31 LOOP
        inner_pad := set_byte(inner_pad, i, get_byte(made, i) # 54);
        outer_pad := set_byte(outer_pad, i, get_byte(made, i) # 92);
    END LOOP;
    INSERT INTO tenancy.key (secret, inside, outside) VALUES (made, inner_pad, outer_pad)
    ON CONFLICT (only_row) DO UPDATE
        SET secret = excluded.secret, inside = excluded.inside, outside = excluded.outside;
    DELETE FROM tenancy.admitted;
END $$;

-- As before (tenancy_0006), with policies that look at the view.
CREATE OR REPLACE FUNCTION tenancy.guard(guarded name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found regclass;
    -- a sub-query without a variable is carried out once for a statement, not for each row
    own constant text := 'tenant_id = (SELECT c.tenant FROM tenancy.context c)';
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
        EXECUTE format('CREATE POLICY own_tenant ON %s AS RESTRICTIVE USING (%s) WITH CHECK (%s)', found, own, own);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION tenancy.let_look(looked_at regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    asked constant text := '(SELECT c.tenant FROM tenancy.context c)';
BEGIN
    EXECUTE format('DROP POLICY own_tenant ON %s', looked_at);
    EXECUTE format('DROP POLICY IF EXISTS installation_looks ON %s', looked_at);
    -- not with IN, which would ask twice for a statement
    EXECUTE format('CREATE POLICY own_tenant ON %s AS RESTRICTIVE USING (%s = ANY (ARRAY[0, tenant_id])) '
                   'WITH CHECK (tenant_id = %s)', looked_at, asked, asked);
    EXECUTE format('CREATE POLICY installation_looks ON %s AS RESTRICTIVE FOR DELETE USING (tenant_id = %s)',
                   looked_at, asked);
END $$;

DO $$
DECLARE
    guarded name;
    looked_at regclass;
BEGIN
    FOR guarded IN
        SELECT DISTINCT n.nspname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.polname = 'own_tenant' AND n.nspname <> 'tenancy'
    LOOP
        PERFORM tenancy.guard(guarded);
    END LOOP;
    FOR looked_at IN SELECT p.polrelid FROM pg_policy p WHERE p.polname = 'installation_looks' LOOP
        PERFORM tenancy.let_look(looked_at);
    END LOOP;
END $$;
