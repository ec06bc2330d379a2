-- Roles, rules and passkeys: small documents that are read as a whole.

CREATE TABLE access.document (
    tenant_id   integer NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    owner       text COLLATE "C" NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant_id, kind, id)
);
CREATE INDEX document_by_owner ON access.document (tenant_id, kind, owner);

-- Grows with each change of a role or rule, so that whoever decided by them can tell.
CREATE TABLE access.generation (
    tenant_id   integer PRIMARY KEY,
    number      integer NOT NULL
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['document', 'generation']
    LOOP
        EXECUTE format('ALTER TABLE access.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE access.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everyone ON access.%I USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY own_tenant ON access.%I AS RESTRICTIVE '
                       'USING (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer)) '
                       'WITH CHECK (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON access.%I TO stanforis_app', name);
    END LOOP;
END $$;

CREATE FUNCTION access.changed(t integer, what text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO access.generation AS g SELECT t, 1 WHERE what IN ('role', 'rule')
        ON CONFLICT (tenant_id) DO UPDATE SET number = g.number + 1;
$$;

CREATE FUNCTION access.keep_document(t integer, what text, name text, whose text, content bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.document VALUES (t, what, name, whose, content)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET owner = excluded.owner, body = excluded.body;
    PERFORM access.changed(t, what);
END $$;

CREATE FUNCTION access.drop_document(t integer, what text, name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    removed boolean;
BEGIN
    PERFORM access.as_tenant(t);
    DELETE FROM access.document d WHERE d.tenant_id = t AND d.kind = what AND d.id = name;
    removed := FOUND;
    PERFORM access.changed(t, what);
    RETURN removed;
END $$;

CREATE FUNCTION access.find_document(t integer, what text, name text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN (SELECT d.body FROM access.document d WHERE d.tenant_id = t AND d.kind = what AND d.id = name);
END $$;

CREATE FUNCTION access.list_documents(t integer, what text, whose text)
RETURNS TABLE (content bytea) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT d.body FROM access.document d
        WHERE d.tenant_id = t AND d.kind = what AND d.owner = whose ORDER BY d.id;
END $$;

CREATE FUNCTION access.generation(t integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN coalesce((SELECT g.number FROM access.generation g WHERE g.tenant_id = t), 0);
END $$;

CREATE FUNCTION access.list_clients(t integer, after text, most integer)
RETURNS TABLE (content bytea) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT c.body FROM access.client c
        WHERE c.tenant_id = t AND c.client_id > after ORDER BY c.client_id LIMIT most;
END $$;

CREATE FUNCTION access.list_accounts(t integer, after text, most integer)
RETURNS TABLE (content bytea) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT a.body FROM access.account a
        WHERE a.tenant_id = t AND a.user_id > after ORDER BY a.user_id LIMIT most;
END $$;

-- The first account of a tenant; of several processes that come at once, one makes it.
CREATE FUNCTION access.keep_first_account(t integer, id text, name text, content bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    PERFORM pg_advisory_xact_lock(hashtextextended('access.first_account', t));
    IF EXISTS (SELECT FROM access.account a WHERE a.tenant_id = t) THEN
        RETURN false;
    END IF;
    INSERT INTO access.account VALUES (t, id, name, content);
    RETURN true;
END $$;

-- For administration only: a scan of the table, which has no index for this.
CREATE FUNCTION access.list_families(t integer, who text, at double precision, most integer)
RETURNS SETOF access.family LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT * FROM access.family f
        WHERE f.tenant_id = t AND (who = '' OR f.user_id = who) AND f.expires_at > at LIMIT most;
END $$;
