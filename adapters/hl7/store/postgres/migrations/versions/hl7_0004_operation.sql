-- Lists of messages, senders at a glance, corrections, closing, and working on messages again: docs/hl7v2-operation.md.

ALTER TABLE hl7.message ADD COLUMN corrects bigint;             -- number of the message that it stands in for
ALTER TABLE hl7.message DROP CONSTRAINT message_state_check;
ALTER TABLE hl7.message ADD CONSTRAINT message_state_check CHECK (state BETWEEN 1 AND 5);     -- 5: closed by a person

CREATE INDEX message_of_sender ON hl7.message (tenant_id, sender, number);
CREATE INDEX message_by_control_id ON hl7.message (tenant_id, control_id);
CREATE INDEX message_dead ON hl7.message (tenant_id, sender, number) WHERE state = 4;
CREATE INDEX message_corrects ON hl7.message (tenant_id, corrects) WHERE corrects IS NOT NULL;
-- a few pages, however many messages there are
CREATE INDEX message_received_at ON hl7.message USING brin (received_at) WITH (autosummarize = on);

-- How each sender stands that ever sent something.
CREATE FUNCTION hl7.standings(p_tenant integer, p_since bigint)
RETURNS TABLE (sender text, last_at bigint, recent bigint, waiting bigint, oldest_at bigint, parked bigint, dead bigint)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE name (sender) AS (
        (SELECT m.sender FROM hl7.message m WHERE m.tenant_id = p_tenant ORDER BY m.sender LIMIT 1)
        UNION ALL
        SELECT (SELECT m.sender FROM hl7.message m WHERE m.tenant_id = p_tenant AND m.sender > n.sender
                ORDER BY m.sender LIMIT 1)
        FROM name n WHERE n.sender IS NOT NULL
    ), received AS (
        SELECT m.sender, count(*) AS messages, min(m.received_at) AS oldest_at FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.state = 1 GROUP BY m.sender
    ), parked AS (
        SELECT m.sender, count(*) AS messages FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.state = 2 GROUP BY m.sender
    ), dead AS (
        SELECT m.sender, count(*) AS messages FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.state = 4 GROUP BY m.sender
    ), recent AS (
        SELECT m.sender, count(*) AS messages FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.received_at >= p_since GROUP BY m.sender
    )
    SELECT n.sender,
           (SELECT m.received_at FROM hl7.message m WHERE m.tenant_id = p_tenant AND m.sender = n.sender
            ORDER BY m.number DESC LIMIT 1),
           coalesce(recent.messages, 0), coalesce(received.messages, 0), received.oldest_at,
           coalesce(parked.messages, 0), coalesce(dead.messages, 0)
    FROM name n LEFT JOIN received USING (sender) LEFT JOIN parked USING (sender) LEFT JOIN dead USING (sender)
         LEFT JOIN recent USING (sender)
    WHERE n.sender IS NOT NULL ORDER BY n.sender
$$;

-- The messages that came after others, stand in a lane with one of them and are mapped.
-- Lanes are hashed: a nested loop would go through all of them for each message.
CREATE FUNCTION hl7.followers(p_tenant integer, p_numbers bigint[]) RETURNS SETOF bigint LANGUAGE sql STABLE
SET enable_nestloop = off AS $$
    WITH own AS MATERIALIZED (
        SELECT unnest(m.lanes) AS lane, m.number FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.number = ANY (p_numbers)
    ), first AS MATERIALIZED (
        SELECT lane, min(number) AS number FROM own GROUP BY lane
    ), after AS (
        SELECT unnest(m.lanes) AS lane, m.number FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.state = 3 AND m.number > (SELECT min(number) FROM first)
    )
    SELECT DISTINCT after.number FROM after JOIN first ON first.lane = after.lane AND first.number < after.number
$$;

-- Have nothing more done with a message that is parked or dead; false, and nothing changes, for any other.
CREATE FUNCTION hl7.close(p_tenant integer, p_number bigint, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_lanes bigint[];
BEGIN
    UPDATE hl7.message SET state = 5, reason = p_reason, leased_until = 0
        WHERE tenant_id = p_tenant AND number = p_number AND state IN (2, 4) RETURNING lanes INTO v_lanes;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM hl7.lane WHERE tenant_id = p_tenant AND lane = ANY (v_lanes) AND number = p_number;
    DELETE FROM hl7.waiting WHERE tenant_id = p_tenant AND number = p_number;
    RETURN true;
END $$;

-- Store a message in place of another; the verdicts are those of hl7.receive.
CREATE FUNCTION hl7.correct(
    p_tenant integer, p_original bigint, p_sender text, p_control_id text, p_type text, p_version text, p_charset text,
    p_received bigint, p_digest bytea, p_lanes bigint[], p_answer bytea, p_raw bytea, p_window bigint
) RETURNS TABLE (verdict smallint, message_number bigint, stored_answer bytea) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM hl7.message WHERE tenant_id = p_tenant AND number = p_original AND state IN (2, 4) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 4::smallint, NULL::bigint, NULL::bytea;
        RETURN;
    END IF;
    SELECT r.* INTO verdict, message_number, stored_answer FROM hl7.receive(
        p_tenant, ARRAY[p_sender], ARRAY[p_control_id], ARRAY[p_type], ARRAY[p_version], ARRAY[p_charset],
        ARRAY[p_received], ARRAY[1::smallint], ARRAY[p_digest], ARRAY[cardinality(p_lanes)], p_lanes,
        ARRAY[p_answer], ARRAY[p_raw], p_window, '') r;
    IF verdict = 1 THEN
        UPDATE hl7.message SET corrects = p_original WHERE tenant_id = p_tenant AND number = message_number;
        PERFORM hl7.close(p_tenant, p_original, format('corrected by message %s', message_number));
    END IF;
    RETURN NEXT;
END $$;

-- Have messages worked on again, the first at p_begin, each p_gap milliseconds after the one before; returns how many.
-- With p_dry they are counted only. p_numbers names single ones; else all that fit are meant.
CREATE FUNCTION hl7.replay(
    p_tenant integer, p_numbers bigint[], p_states smallint[], p_sender text, p_type text, p_control_id text,
    p_since bigint, p_until bigint, p_later boolean, p_begin bigint, p_gap bigint, p_most bigint, p_dry boolean
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_chosen bigint[];
    v_count bigint;
BEGIN
    v_chosen := ARRAY(
        SELECT m.number FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.state = ANY (p_states)
          AND (p_numbers IS NULL OR m.number = ANY (p_numbers))
          AND (p_sender = '' OR m.sender = p_sender)
          AND (p_type = '' OR m.message_type = p_type OR m.message_type LIKE p_type || '^%')
          AND (p_control_id = '' OR m.control_id = p_control_id)
          AND m.received_at >= p_since AND (p_until = 0 OR m.received_at < p_until));
    IF p_later THEN
        v_chosen := ARRAY(SELECT unnest(v_chosen) UNION SELECT hl7.followers(p_tenant, v_chosen));
    END IF;
    v_chosen := ARRAY(SELECT n.number FROM unnest(v_chosen) AS n (number) ORDER BY n.number LIMIT p_most);
    IF p_dry THEN
        RETURN cardinality(v_chosen);
    END IF;
    UPDATE hl7.message m SET state = 1, reason = '', attempts = 0, leased_until = p_begin + (c.place - 1) * p_gap
        FROM unnest(v_chosen) WITH ORDINALITY AS c (number, place)
        WHERE m.tenant_id = p_tenant AND m.number = c.number AND m.state <> 1;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    DELETE FROM hl7.waiting WHERE tenant_id = p_tenant AND number = ANY (v_chosen);
    INSERT INTO hl7.lane (tenant_id, lane, number)
        SELECT p_tenant, unnest(m.lanes), m.number FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.number = ANY (v_chosen)
        ON CONFLICT DO NOTHING;
    RETURN v_count;
END $$;
