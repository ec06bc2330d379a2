-- HL7 v2 messages as they came, what they were answered, and what became of them.
-- Reasons and measurements: docs/decisions/0014-hl7-messages.md.

CREATE SCHEMA hl7;

CREATE SEQUENCE hl7.message_number;
CREATE TABLE hl7.message (
    tenant_id    integer NOT NULL,
    number       bigint NOT NULL,
    sender       text COLLATE "C" NOT NULL,
    control_id   text COLLATE "C" NOT NULL,     -- MSH-10
    message_type text COLLATE "C" NOT NULL,     -- MSH-9.1^MSH-9.2
    version      text COLLATE "C" NOT NULL,     -- MSH-12
    charset      text COLLATE "C" NOT NULL,     -- codec it was read in
    received_at  bigint NOT NULL,               -- milliseconds since 1970
    state        smallint NOT NULL CHECK (state BETWEEN 1 AND 4),   -- received, parked, mapped, dead
    attempts     integer NOT NULL DEFAULT 0,
    leased_until bigint NOT NULL DEFAULT 0,     -- milliseconds since 1970: a worker has it until then
    reason       text NOT NULL DEFAULT '',      -- why it is parked or dead
    lanes        bigint[] NOT NULL,
    answer       bytea NOT NULL,                -- empty: none was wanted
    raw          bytea NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX message_received ON hl7.message (tenant_id, number) WHERE state = 1;
CREATE INDEX message_parked ON hl7.message (tenant_id, number) WHERE state = 2;

-- Which control ids came with which content, and when last. A message is looked for here before it is stored.
CREATE TABLE hl7.control (
    tenant_id   integer NOT NULL,
    sender      text COLLATE "C" NOT NULL,
    control_id  text COLLATE "C" NOT NULL,
    digest      bytea NOT NULL,                 -- SHA-256 of the message
    number      bigint NOT NULL,
    received_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, sender, control_id, digest)
);

-- Messages that are neither mapped nor dead, by lane: the first of a lane holds up the others.
CREATE TABLE hl7.lane (
    tenant_id integer NOT NULL,
    lane      bigint NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (tenant_id, lane, number)
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['message', 'control', 'lane'] LOOP
        EXECUTE format('ALTER TABLE hl7.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE hl7.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everyone ON hl7.%I USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY own_tenant ON hl7.%I AS RESTRICTIVE '
                       'USING (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer)) '
                       'WITH CHECK (tenant_id = (SELECT current_setting(''stanforis.tenant'')::integer))', name);
    END LOOP;
END $$;

-- Store messages in their order; one row for each says what was done:
-- 1 stored, 2 the same bytes came before (with the number and answer of then), 3 stored and parked, 4 refused.
-- p_duplicates: 1 takes other bytes under a known control id, 2 refuses them, 3 parks them.
-- As long as nobody asks and none came before, all are stored by three statements; else they are looked at one by one.
CREATE FUNCTION hl7.receive(
    p_tenant integer, p_senders text[], p_control_ids text[], p_types text[], p_versions text[], p_charsets text[],
    p_received bigint[], p_duplicates smallint[], p_digests bytea[], p_lane_counts integer[], p_lanes bigint[],
    p_answers bytea[], p_raws bytea[], p_window bigint, p_reason text
) RETURNS TABLE (verdict smallint, message_number bigint, stored_answer bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_lane integer := 0;
    v_lanes bigint[];
    v_reused boolean;
    v_numbers bigint[];
BEGIN
    PERFORM set_config('stanforis.tenant', p_tenant::text, true);
    IF 1 = ALL (p_duplicates) THEN
        BEGIN
            v_numbers := ARRAY(SELECT nextval('hl7.message_number') FROM generate_series(1, cardinality(p_raws)));
            INSERT INTO hl7.control (tenant_id, sender, control_id, digest, number, received_at)
                SELECT p_tenant, a.* FROM unnest(p_senders, p_control_ids, p_digests, v_numbers, p_received) a;
            INSERT INTO hl7.message (tenant_id, number, sender, control_id, message_type, version, charset, received_at,
                                     state, lanes, answer, raw)
                SELECT p_tenant, a.number, a.sender, a.control_id, a.message_type, a.version, a.charset, a.received_at,
                       1, p_lanes[a.last - a.lanes + 1 : a.last], a.answer, a.raw
                FROM (SELECT u.*, sum(u.lanes) OVER (ORDER BY u.place)::integer AS last
                      FROM unnest(v_numbers, p_senders, p_control_ids, p_types, p_versions, p_charsets, p_received,
                                  p_lane_counts, p_answers, p_raws) WITH ORDINALITY
                           AS u (number, sender, control_id, message_type, version, charset, received_at, lanes,
                                 answer, raw, place)) a;
            INSERT INTO hl7.lane (tenant_id, lane, number)
                SELECT p_tenant, p_lanes[a.last - n.place], a.number
                FROM (SELECT u.*, sum(u.lanes) OVER (ORDER BY u.place)::integer AS last
                      FROM unnest(v_numbers, p_lane_counts) WITH ORDINALITY AS u (number, lanes, place)) a
                CROSS JOIN LATERAL generate_series(0, a.lanes - 1) AS n (place);
            RETURN QUERY SELECT 1::smallint, n.number, NULL::bytea FROM unnest(v_numbers) AS n (number);
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END IF;
    FOR i IN 1 .. cardinality(p_raws) LOOP
        v_lanes := p_lanes[v_lane + 1 : v_lane + p_lane_counts[i]];
        v_lane := v_lane + p_lane_counts[i];
        stored_answer := NULL;
        INSERT INTO hl7.control AS c (tenant_id, sender, control_id, digest, number, received_at)
            VALUES (p_tenant, p_senders[i], p_control_ids[i], p_digests[i], nextval('hl7.message_number'), p_received[i])
            ON CONFLICT (tenant_id, sender, control_id, digest) DO UPDATE
                SET number = excluded.number, received_at = excluded.received_at
                WHERE c.received_at <= excluded.received_at - p_window
            RETURNING c.number INTO message_number;
        IF NOT FOUND THEN
            verdict := 2;
            SELECT m.number, m.answer INTO message_number, stored_answer
                FROM hl7.control c JOIN hl7.message m ON m.tenant_id = c.tenant_id AND m.number = c.number
                WHERE c.tenant_id = p_tenant AND c.sender = p_senders[i] AND c.control_id = p_control_ids[i]
                  AND c.digest = p_digests[i];
            RETURN NEXT;
            CONTINUE;
        END IF;
        v_reused := p_duplicates[i] <> 1 AND EXISTS (
            SELECT FROM hl7.control c
            WHERE c.tenant_id = p_tenant AND c.sender = p_senders[i] AND c.control_id = p_control_ids[i]
              AND c.digest <> p_digests[i] AND c.received_at > p_received[i] - p_window);
        IF v_reused AND p_duplicates[i] = 2 THEN
            DELETE FROM hl7.control c
                WHERE c.tenant_id = p_tenant AND c.sender = p_senders[i] AND c.control_id = p_control_ids[i]
                  AND c.digest = p_digests[i];
            verdict := 4;
            message_number := NULL;
            RETURN NEXT;
            CONTINUE;
        END IF;
        verdict := CASE WHEN v_reused THEN 3 ELSE 1 END;
        INSERT INTO hl7.message (tenant_id, number, sender, control_id, message_type, version, charset, received_at,
                                 state, reason, lanes, answer, raw)
            VALUES (p_tenant, message_number, p_senders[i], p_control_ids[i], p_types[i], p_versions[i],
                    p_charsets[i], p_received[i], CASE WHEN v_reused THEN 2 ELSE 1 END,
                    CASE WHEN v_reused THEN p_reason ELSE '' END, v_lanes, p_answers[i], p_raws[i]);
        INSERT INTO hl7.lane (tenant_id, lane, number)
            SELECT p_tenant, lane, message_number FROM unnest(v_lanes) AS lane;
        RETURN NEXT;
    END LOOP;
END $$;

-- Take received messages that are first in all their lanes, for as long as the lease lasts.
CREATE FUNCTION hl7.claim(p_tenant integer, p_limit integer, p_now bigint, p_lease bigint)
RETURNS SETOF hl7.message LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('stanforis.tenant', p_tenant::text, true);
    RETURN QUERY
        WITH first AS MATERIALIZED (
            SELECT m.number FROM hl7.message m
            WHERE m.tenant_id = p_tenant AND m.state = 1 AND m.leased_until <= p_now
              AND NOT EXISTS (
                SELECT FROM unnest(m.lanes) AS own (lane)
                JOIN hl7.lane older ON older.tenant_id = p_tenant AND older.lane = own.lane
                                   AND older.number < m.number)
            ORDER BY m.number LIMIT p_limit FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE hl7.message m SET leased_until = p_now + p_lease, attempts = m.attempts + 1
            FROM first WHERE m.tenant_id = p_tenant AND m.number = first.number
            RETURNING m.*
        )
        SELECT * FROM taken ORDER BY number;
END $$;

-- Say what became of a message; false where there is none.
CREATE FUNCTION hl7.settle(p_tenant integer, p_number bigint, p_state smallint, p_reason text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_lanes bigint[];
BEGIN
    PERFORM set_config('stanforis.tenant', p_tenant::text, true);
    UPDATE hl7.message SET state = p_state, reason = p_reason, leased_until = 0
        WHERE tenant_id = p_tenant AND number = p_number RETURNING lanes INTO v_lanes;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_state IN (3, 4) THEN
        DELETE FROM hl7.lane WHERE tenant_id = p_tenant AND lane = ANY (v_lanes) AND number = p_number;
    ELSE
        INSERT INTO hl7.lane (tenant_id, lane, number)
            SELECT p_tenant, lane, p_number FROM unnest(v_lanes) AS lane ON CONFLICT DO NOTHING;
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION hl7.read(p_tenant integer, p_number bigint) RETURNS SETOF hl7.message LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('stanforis.tenant', p_tenant::text, true);
    RETURN QUERY SELECT * FROM hl7.message WHERE tenant_id = p_tenant AND number = p_number;
END $$;

CREATE FUNCTION hl7.counts(p_tenant integer) RETURNS TABLE (state smallint, messages bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('stanforis.tenant', p_tenant::text, true);
    RETURN QUERY SELECT m.state, count(*) FROM hl7.message m WHERE m.tenant_id = p_tenant GROUP BY m.state;
END $$;

-- The role that the server works as owns nothing, and row security binds it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stanforis_app') THEN
        CREATE ROLE stanforis_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
END $$;
GRANT USAGE ON SCHEMA hl7 TO stanforis_app;
GRANT SELECT, INSERT, UPDATE ON hl7.message TO stanforis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON hl7.control, hl7.lane TO stanforis_app;
GRANT USAGE ON SEQUENCE hl7.message_number TO stanforis_app;
