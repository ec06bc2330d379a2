-- Whom a statement may see, so that the database can tell: docs/decisions/0019-signed-tenant-context.md.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stanforis_app') THEN
        CREATE ROLE stanforis_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
END $$;

CREATE SCHEMA tenancy;
GRANT USAGE ON SCHEMA tenancy TO stanforis_app;

-- What contexts are signed with. The owner alone reads it; the server gets it when it opens its stores.
CREATE TABLE tenancy.key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret   bytea NOT NULL CHECK (length(secret) = 32),
    inside   bytea NOT NULL,                  -- the secret, padded as HMAC wants it
    outside  bytea NOT NULL
);

-- Take another secret: whatever was signed with the former one is worth nothing from then on.
CREATE FUNCTION tenancy.renew_key() RETURNS void LANGUAGE plpgsql AS $$
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
END $$;

-- The number of the tenant that the setting stanforis.tenant is signed for; null when it is signed for nobody.
-- The setting is tenant.purpose.expiry.process.mac: seconds since 1970, the database process it was made for (0: any, and
-- then for a few seconds only), and the HMAC-SHA256 of all before the last point as hexadecimal digits. Nothing in it is
-- looked at before the signature is found good. It holds for a whole transaction that began in time.
-- One expression, because what a function costs here is mostly what its expressions cost to begin; and the setting comes
-- from a row, or the planner would convert the parts of a forged one ahead of time.
CREATE FUNCTION tenancy.current() RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN right(s.said, 64) <>
                 encode(sha256(k.outside || sha256(k.inside || convert_to(left(s.said, -65), 'UTF8'))), 'hex') THEN NULL
            WHEN split_part(s.said, '.', 3)::float8 > date_part('epoch', now())
                 AND split_part(s.said, '.', 4) IN (pg_backend_pid()::text, '0')
                THEN split_part(s.said, '.', 1)::integer
        END
        FROM tenancy.key k, current_setting('stanforis.tenant', true) AS s (said));
END $$;

-- Sign a context for this very process, as an operator needs it in a session as the owner.
CREATE FUNCTION tenancy.sign(tenant integer, purpose text, seconds integer) RETURNS text LANGUAGE sql AS $$
    SELECT said || '.' || encode(sha256(k.outside || sha256(k.inside || convert_to(said, 'UTF8'))), 'hex')
    FROM tenancy.key k, LATERAL (
        SELECT concat_ws('.', tenant, purpose, extract(epoch FROM clock_timestamp())::bigint + seconds, pg_backend_pid())
    ) AS s (said);
$$;

-- Put a signed context in force for the rest of the transaction and return its tenant, for what the call needs it next.
CREATE FUNCTION tenancy.enter(context text) RETURNS integer LANGUAGE sql AS $$
    SELECT split_part(set_config('stanforis.tenant', context, true), '.', 1)::integer;
$$;

-- Keep tenants apart in every table of a schema that has a column tenant_id; to be called by each migration that makes one.
CREATE FUNCTION tenancy.guard(guarded name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found regclass;
BEGIN
    FOR found IN
        SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = guarded::text::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
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

REVOKE ALL ON FUNCTION tenancy.guard(name), tenancy.renew_key(), tenancy.sign(integer, text, integer) FROM PUBLIC;
SELECT tenancy.renew_key();
