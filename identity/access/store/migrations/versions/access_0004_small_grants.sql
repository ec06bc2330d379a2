-- A grant keeps what refresh tokens are checked by, and what administration lists; what was granted travels in the token,
-- sealed. Whoever has a refresh token from before signs in again.

DROP FUNCTION access.start_family, access.find_family, access.rotate_family, access.end_family, access.list_families;
DROP TABLE access.family;

-- Who allowed what to whom: many grants, few pairs.
CREATE TABLE access.pair (
    tenant_id   integer NOT NULL,
    number      integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    client_id   text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, user_id, client_id)
);

-- Ids begin with the time, so that the index grows at its end and stays full. The widest columns come first: no padding.
-- No further index: what has expired is found by the scan that tidying is.
CREATE TABLE access.family (
    high        bigint NOT NULL,
    current     uuid NOT NULL,
    low         integer NOT NULL,
    tenant_id   integer NOT NULL,
    pair        integer NOT NULL,
    expires_at  integer NOT NULL,
    PRIMARY KEY (high, low, tenant_id)
);
GRANT SELECT, INSERT ON access.pair TO stanforis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON access.family TO stanforis_app;
SELECT tenancy.guard('access');

CREATE FUNCTION access.start_family(
    t integer, h bigint, l integer, client text, who text, newest uuid, until integer
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known integer;
BEGIN
    LOOP
        SELECT p.number INTO known FROM access.pair p
            WHERE p.tenant_id = t AND p.user_id = who AND p.client_id = client;
        EXIT WHEN FOUND;
        INSERT INTO access.pair (tenant_id, client_id, user_id) VALUES (t, client, who)
            ON CONFLICT (tenant_id, user_id, client_id) DO NOTHING;
    END LOOP;
    INSERT INTO access.family VALUES (h, newest, l, t, known, until);
END $$;

CREATE FUNCTION access.find_family(t integer, h bigint, l integer, at double precision)
RETURNS TABLE (high bigint, low integer, client_id text, user_id text, current uuid, expires_at integer)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT f.high, f.low, p.client_id, p.user_id, f.current, f.expires_at
        FROM access.family f JOIN access.pair p ON p.number = f.pair AND p.tenant_id = t
        WHERE f.high = h AND f.low = l AND f.tenant_id = t AND f.expires_at > at;
END $$;

-- The row is locked before it is looked at: of two that come at once, one finds its token the newest.
CREATE FUNCTION access.rotate_family(t integer, h bigint, l integer, old uuid, new uuid, at double precision)
RETURNS TABLE (high bigint, low integer, client_id text, user_id text, current uuid, expires_at integer)
LANGUAGE plpgsql AS $$
DECLARE
    held access.family;
BEGIN
    SELECT * INTO held FROM access.family f
        WHERE f.high = h AND f.low = l AND f.tenant_id = t AND f.expires_at > at FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.current = old THEN
        UPDATE access.family f SET current = new WHERE f.high = h AND f.low = l AND f.tenant_id = t;
    ELSE
        DELETE FROM access.family f WHERE f.high = h AND f.low = l AND f.tenant_id = t;
    END IF;
    RETURN QUERY SELECT held.high, held.low, p.client_id, p.user_id, held.current, held.expires_at
        FROM access.pair p WHERE p.number = held.pair AND p.tenant_id = t;
END $$;

CREATE FUNCTION access.end_family(t integer, h bigint, l integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM access.family f WHERE f.high = h AND f.low = l AND f.tenant_id = t;
END $$;

-- For administration only: a scan of the table, which has no index for this.
CREATE FUNCTION access.list_families(t integer, who text, at double precision, most integer)
RETURNS TABLE (high bigint, low integer, client_id text, user_id text, current uuid, expires_at integer)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT f.high, f.low, p.client_id, p.user_id, f.current, f.expires_at
        FROM access.family f JOIN access.pair p ON p.number = f.pair AND p.tenant_id = t
        WHERE f.tenant_id = t AND (who = '' OR p.user_id = who) AND f.expires_at > at LIMIT most;
END $$;
