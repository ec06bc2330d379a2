-- What the authorization server keeps. Secrets are digests; times are seconds since 1970.

CREATE SCHEMA access;

CREATE TABLE access.client (
    tenant_id   integer NOT NULL,
    client_id   text COLLATE "C" NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
);

CREATE TABLE access.account (
    tenant_id   integer NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    login_name  text NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    UNIQUE (tenant_id, login_name)
);

CREATE TABLE access.consent (
    tenant_id   integer NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    client_id   text COLLATE "C" NOT NULL,
    scope       text NOT NULL,
    PRIMARY KEY (tenant_id, user_id, client_id)
);

CREATE TABLE access.failure (
    tenant_id   integer NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    failures    integer NOT NULL,
    last        double precision NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);

CREATE TABLE access.ticket (
    tenant_id   integer NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    digest      text COLLATE "C" NOT NULL,
    body        bytea NOT NULL,
    expires_at  double precision NOT NULL,
    is_spent    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, kind, digest)
);
CREATE INDEX ticket_by_expiry ON access.ticket (tenant_id, expires_at);

-- One row for each grant that goes on, however often its tokens rotate. No further index: it has to stay small, and
-- what has expired is held by the scan that tidying is.
CREATE TABLE access.family (
    tenant_id   integer NOT NULL,
    grant_id    text COLLATE "C" NOT NULL,
    client_id   text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    current     text COLLATE "C" NOT NULL,
    body        bytea NOT NULL,
    expires_at  double precision NOT NULL,
    PRIMARY KEY (tenant_id, grant_id)
) WITH (fillfactor = 90);

CREATE TABLE access.used (
    tenant_id   integer NOT NULL,
    owner       text COLLATE "C" NOT NULL,
    token_id    text COLLATE "C" NOT NULL,
    until       double precision NOT NULL,
    PRIMARY KEY (tenant_id, owner, token_id)
);
CREATE INDEX used_by_expiry ON access.used (tenant_id, until);

CREATE TABLE access.revocation (
    tenant_id   integer NOT NULL,
    name        text COLLATE "C" NOT NULL,
    until       double precision NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['client', 'account', 'consent', 'failure', 'ticket', 'family', 'used', 'revocation']
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
GRANT USAGE ON SCHEMA access TO stanforis_app;

-- Each function sets its tenant first, for the length of the transaction that the call is, and then does one thing.

CREATE FUNCTION access.as_tenant(t integer) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('stanforis.tenant', t::text, true);
$$;

CREATE FUNCTION access.keep_client(t integer, id text, content bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.client VALUES (t, id, content)
        ON CONFLICT (tenant_id, client_id) DO UPDATE SET body = excluded.body;
END $$;

CREATE FUNCTION access.find_client(t integer, id text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN (SELECT c.body FROM access.client c WHERE c.tenant_id = t AND c.client_id = id);
END $$;

CREATE FUNCTION access.keep_account(t integer, id text, name text, content bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.account VALUES (t, id, name, content)
        ON CONFLICT (tenant_id, user_id) DO UPDATE SET login_name = excluded.login_name, body = excluded.body;
END $$;

CREATE FUNCTION access.find_account(t integer, id text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN (SELECT a.body FROM access.account a WHERE a.tenant_id = t AND a.user_id = id);
END $$;

CREATE FUNCTION access.find_account_named(t integer, name text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN (SELECT a.body FROM access.account a WHERE a.tenant_id = t AND a.login_name = name);
END $$;

CREATE FUNCTION access.find_consent(t integer, who text, client text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN (SELECT c.scope FROM access.consent c WHERE c.tenant_id = t AND c.user_id = who AND c.client_id = client);
END $$;

CREATE FUNCTION access.keep_consent(t integer, who text, client text, allowed text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.consent VALUES (t, who, client, allowed)
        ON CONFLICT (tenant_id, user_id, client_id) DO UPDATE SET scope = excluded.scope;
END $$;

CREATE FUNCTION access.note_failure(t integer, who text, at double precision, forget_after double precision)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    counted integer;
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.failure AS f VALUES (t, who, 1, at)
        ON CONFLICT (tenant_id, subject) DO UPDATE
        SET failures = CASE WHEN at - f.last <= forget_after THEN f.failures + 1 ELSE 1 END, last = at
        RETURNING failures INTO counted;
    RETURN counted;
END $$;

CREATE FUNCTION access.count_failures(t integer, who text, at double precision, forget_after double precision)
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN coalesce((SELECT f.failures FROM access.failure f
                     WHERE f.tenant_id = t AND f.subject = who AND at - f.last <= forget_after), 0);
END $$;

CREATE FUNCTION access.forget_failures(t integer, who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    DELETE FROM access.failure f WHERE f.tenant_id = t AND f.subject = who;
END $$;

CREATE FUNCTION access.keep_ticket(t integer, what text, d text, content bytea, until double precision)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.ticket VALUES (t, what, d, content, until)
        ON CONFLICT (tenant_id, kind, digest) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at;
END $$;

CREATE FUNCTION access.find_ticket(t integer, what text, d text, at double precision)
RETURNS TABLE (content bytea, until double precision) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT k.body, k.expires_at FROM access.ticket k
        WHERE k.tenant_id = t AND k.kind = what AND k.digest = d AND NOT k.is_spent AND k.expires_at > at;
END $$;

-- The row is locked before it is looked at: of two that come at once, one finds the ticket good.
CREATE FUNCTION access.spend_ticket(t integer, what text, d text, at double precision)
RETURNS TABLE (content bytea, until double precision, good boolean) LANGUAGE plpgsql AS $$
DECLARE
    held access.ticket;
BEGIN
    PERFORM access.as_tenant(t);
    SELECT * INTO held FROM access.ticket k WHERE k.tenant_id = t AND k.kind = what AND k.digest = d FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE access.ticket k SET is_spent = true WHERE k.tenant_id = t AND k.kind = what AND k.digest = d;
    RETURN QUERY SELECT held.body, held.expires_at, NOT held.is_spent AND held.expires_at > at;
END $$;

CREATE FUNCTION access.drop_ticket(t integer, what text, d text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    DELETE FROM access.ticket k WHERE k.tenant_id = t AND k.kind = what AND k.digest = d;
END $$;

CREATE FUNCTION access.start_family(
    t integer, id text, client text, who text, newest text, content bytea, until double precision
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.family VALUES (t, id, client, who, newest, content, until);
END $$;

CREATE FUNCTION access.find_family(t integer, id text, at double precision)
RETURNS SETOF access.family LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT * FROM access.family f WHERE f.tenant_id = t AND f.grant_id = id AND f.expires_at > at;
END $$;

CREATE FUNCTION access.rotate_family(t integer, id text, old text, new text, at double precision)
RETURNS SETOF access.family LANGUAGE plpgsql AS $$
DECLARE
    held access.family;
BEGIN
    PERFORM access.as_tenant(t);
    SELECT * INTO held FROM access.family f
        WHERE f.tenant_id = t AND f.grant_id = id AND f.expires_at > at FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.current = old THEN
        UPDATE access.family f SET current = new WHERE f.tenant_id = t AND f.grant_id = id;
    ELSE
        DELETE FROM access.family f WHERE f.tenant_id = t AND f.grant_id = id;
    END IF;
    RETURN NEXT held;
END $$;

CREATE FUNCTION access.end_family(t integer, id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    DELETE FROM access.family f WHERE f.tenant_id = t AND f.grant_id = id;
END $$;

CREATE FUNCTION access.first_use(t integer, who text, id text, until_then double precision, at double precision)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.used AS u VALUES (t, who, id, until_then)
        ON CONFLICT (tenant_id, owner, token_id) DO UPDATE SET until = excluded.until WHERE u.until <= at;
    RETURN FOUND;
END $$;

CREATE FUNCTION access.revoke(t integer, id text, until_then double precision) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    INSERT INTO access.revocation AS r VALUES (t, id, until_then)
        ON CONFLICT (tenant_id, name) DO UPDATE SET until = greatest(r.until, excluded.until);
END $$;

CREATE FUNCTION access.revoked(t integer, at double precision)
RETURNS TABLE (id text, until_then double precision) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM access.as_tenant(t);
    RETURN QUERY SELECT r.name, r.until FROM access.revocation r WHERE r.tenant_id = t AND r.until > at;
END $$;

CREATE FUNCTION access.tidy(t integer, at double precision) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    counted integer := 0;
    removed integer;
BEGIN
    PERFORM access.as_tenant(t);
    DELETE FROM access.ticket k WHERE k.tenant_id = t AND k.expires_at <= at;
    GET DIAGNOSTICS removed = ROW_COUNT;
    counted := counted + removed;
    DELETE FROM access.family f WHERE f.tenant_id = t AND f.expires_at <= at;
    GET DIAGNOSTICS removed = ROW_COUNT;
    counted := counted + removed;
    DELETE FROM access.used u WHERE u.tenant_id = t AND u.until <= at;
    GET DIAGNOSTICS removed = ROW_COUNT;
    counted := counted + removed;
    DELETE FROM access.revocation r WHERE r.tenant_id = t AND r.until <= at;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN counted + removed;
END $$;
