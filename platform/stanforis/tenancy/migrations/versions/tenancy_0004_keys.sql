-- Keys of tenants, wrapped with a key that is not in the database: docs/decisions/0026-keys-of-tenants.md.
-- Leave this table out of backups of the others, and keep its own backups apart and for a short time.
CREATE TABLE tenancy.wrapped_key (
    tenant_id integer PRIMARY KEY,
    identity  bytea NOT NULL UNIQUE CHECK (length(identity) = 8),
    wrapped   bytea NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE tenancy.wrapped_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY installation ON tenancy.wrapped_key
    USING ((SELECT tenancy.current()) = 0) WITH CHECK ((SELECT tenancy.current()) = 0);
GRANT SELECT, INSERT ON tenancy.wrapped_key TO stanforis_app;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON tenancy.wrapped_key
FOR EACH STATEMENT EXECUTE FUNCTION tenancy.changed();

-- Shredding begins with the key: from then on copies of the rows are worth nothing either.
CREATE FUNCTION tenancy.destroy_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM tenancy.wrapped_key WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END $$;
CREATE TRIGGER destroy_key AFTER UPDATE OF state ON tenancy.tenant
FOR EACH ROW WHEN (NEW.state = 'shredded') EXECUTE FUNCTION tenancy.destroy_key();
