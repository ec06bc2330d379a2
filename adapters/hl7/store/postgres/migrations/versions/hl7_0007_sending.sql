-- Destinations that people stop and set going, messages of others' making, and dead letters: docs/hl7v2-outbound.md.

-- A destination that only gets messages of others' making follows no changes: it stands nowhere.
ALTER TABLE hl7.destination
    ALTER marker DROP NOT NULL, ALTER rid DROP NOT NULL, ALTER version DROP NOT NULL,
    ADD COLUMN mode smallint NOT NULL DEFAULT 1 CHECK (mode BETWEEN 1 AND 3),   -- runs, paused, drains
    ADD COLUMN changed_at bigint NOT NULL DEFAULT 0,                            -- of the mode, milliseconds since 1970
    ADD COLUMN reason text NOT NULL DEFAULT '';                                 -- why a person changed it

ALTER TABLE hl7.outbound
    ADD COLUMN patients text[] NOT NULL DEFAULT '{}',       -- logical ids of the patients it tells of
    DROP CONSTRAINT outbound_state_check,
    ADD CONSTRAINT outbound_state_check CHECK (state BETWEEN 1 AND 5);  -- 4: closed by a person, 5: to be made again

CREATE INDEX outbound_by_number ON hl7.outbound (tenant_id, number);
CREATE INDEX outbound_by_control_id ON hl7.outbound (tenant_id, control_id);
CREATE INDEX outbound_by_resource ON hl7.outbound (tenant_id, resource, number);
CREATE INDEX outbound_waiting ON hl7.outbound (tenant_id, destination, number) WHERE state = 1;
CREATE INDEX outbound_unmade ON hl7.outbound (tenant_id, destination, number) WHERE state = 5;
CREATE INDEX outbound_answered ON hl7.outbound (tenant_id, destination, settled_at) WHERE state = 2;
CREATE INDEX outbound_patients ON hl7.outbound USING gin (patients);
-- a few pages, however many messages there are
CREATE INDEX outbound_made_at ON hl7.outbound USING brin (made_at) WITH (autosummarize = on);

-- How far a destination has read; one that stands nowhere yet begins at the position given.
CREATE OR REPLACE FUNCTION hl7.followed(
    p_tenant integer, p_destination text, p_marker bigint, p_rid bigint, p_version integer
) RETURNS SETOF hl7.destination LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hl7.destination (tenant_id, destination, marker, rid, version)
        VALUES (p_tenant, p_destination, p_marker, p_rid, p_version) ON CONFLICT DO NOTHING;
    UPDATE hl7.destination SET marker = p_marker, rid = p_rid, version = p_version
        WHERE tenant_id = p_tenant AND destination = p_destination AND marker IS NULL;
    RETURN QUERY SELECT * FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination;
END $$;

-- Have a destination run (1), pause (2: nothing is sent) or drain (3: nothing new is made).
CREATE FUNCTION hl7.outbound_switch(
    p_tenant integer, p_destination text, p_mode smallint, p_reason text, p_now bigint
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hl7.destination (tenant_id, destination, mode, reason, changed_at)
        VALUES (p_tenant, p_destination, p_mode, p_reason, p_now)
        ON CONFLICT (tenant_id, destination)
        DO UPDATE SET mode = p_mode, reason = p_reason, changed_at = p_now;
$$;

-- As before, and of which patients each message tells: p_patient_counts says how many of p_patients are its own.
DROP FUNCTION hl7.enqueue(
    integer, text, bigint, bigint, integer, bigint, bigint, integer, text[], text[], text[], integer[], bigint[],
    smallint[], text[], integer[], bigint[], bytea[]);
CREATE FUNCTION hl7.enqueue(
    p_tenant integer, p_destination text, p_from_marker bigint, p_from_rid bigint, p_from_version integer,
    p_marker bigint, p_rid bigint, p_version integer, p_control_ids text[], p_types text[], p_resources text[],
    p_versions integer[], p_made bigint[], p_states smallint[], p_reasons text[], p_lane_counts integer[],
    p_lanes bigint[], p_patient_counts integer[], p_patients text[], p_raws bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_numbers bigint[];
BEGIN
    -- who changes what stands ahead of messages holds this row: alone to put messages into lanes, with others to take out
    UPDATE hl7.destination SET marker = p_marker, rid = p_rid, version = p_version
        WHERE tenant_id = p_tenant AND destination = p_destination
          AND (marker, rid, version) = (p_from_marker, p_from_rid, p_from_version);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH given AS (
        SELECT u.*, sum(u.lanes) OVER (ORDER BY u.place)::integer AS last_lane,
               sum(u.patients) OVER (ORDER BY u.place)::integer AS last_patient
        FROM unnest(p_control_ids, p_types, p_resources, p_versions, p_made, p_states, p_reasons, p_lane_counts,
                    p_patient_counts, p_raws) WITH ORDINALITY
             AS u (control_id, message_type, resource, version, made_at, state, reason, lanes, patients, raw, place)
    ), queued AS (
        INSERT INTO hl7.outbound (tenant_id, destination, number, control_id, message_type, resource, resource_version,
                                  made_at, state, reason, lanes, patients, raw, settled_at)
        SELECT p_tenant, p_destination, nextval('hl7.outbound_number'), g.*
        FROM (SELECT control_id, message_type, resource, version, made_at, state, reason,
                     p_lanes[last_lane - lanes + 1 : last_lane], p_patients[last_patient - patients + 1 : last_patient],
                     raw, CASE state WHEN 3 THEN made_at ELSE 0 END
              FROM given ORDER BY place) g
        ON CONFLICT (tenant_id, destination, control_id) DO NOTHING
        RETURNING number, state
    )
    SELECT array_agg(q.number) INTO v_numbers FROM queued q WHERE q.state = 1;
    PERFORM hl7.outbound_line_up(p_tenant, p_destination, v_numbers);
    RETURN true;
END $$;

-- Queue a message that no change of a resource made; returns its number, none where its control id is queued already.
CREATE FUNCTION hl7.outbound_put(
    p_tenant integer, p_destination text, p_control_id text, p_type text, p_resource text, p_version integer,
    p_made bigint, p_state smallint, p_reason text, p_lanes bigint[], p_patients text[], p_raw bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_number bigint;
BEGIN
    INSERT INTO hl7.destination (tenant_id, destination) VALUES (p_tenant, p_destination) ON CONFLICT DO NOTHING;
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    INSERT INTO hl7.outbound (tenant_id, destination, number, control_id, message_type, resource, resource_version,
                              made_at, state, reason, lanes, patients, raw)
        VALUES (p_tenant, p_destination, nextval('hl7.outbound_number'), p_control_id, p_type, p_resource, p_version,
                p_made, p_state, p_reason, p_lanes, p_patients, p_raw)
        ON CONFLICT (tenant_id, destination, control_id) DO NOTHING
        RETURNING number INTO v_number;
    IF v_number IS NOT NULL AND p_state = 1 THEN
        PERFORM hl7.outbound_line_up(p_tenant, p_destination, ARRAY[v_number]);
    END IF;
    RETURN v_number;
END $$;

-- Take messages that are first in all their lanes, for as long as the lease lasts; none of a destination that is paused.
CREATE OR REPLACE FUNCTION hl7.outbound_claim(
    p_tenant integer, p_destination text, p_limit integer, p_now bigint, p_lease bigint
) RETURNS SETOF hl7.outbound LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM hl7.destination d
               WHERE d.tenant_id = p_tenant AND d.destination = p_destination AND d.mode = 2) THEN
        RETURN;
    END IF;
    -- a claim that is lost with the machine is made again
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
        WITH first AS MATERIALIZED (
            SELECT o.number FROM hl7.outbound o
            WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.state = 1 AND o.ahead = 0
              AND o.not_before <= p_now
            ORDER BY o.number LIMIT p_limit FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE hl7.outbound o SET not_before = p_now + p_lease, attempts = o.attempts + 1,
                first_sent_at = CASE o.first_sent_at WHEN 0 THEN p_now ELSE o.first_sent_at END
            FROM first WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.number = first.number
            RETURNING o.*
        )
        SELECT * FROM taken ORDER BY number;
END $$;

-- Send dead messages again in their order, behind all that waits. What could never be made is made again by whoever
-- follows the changes. Null numbers mean all that are dead.
DROP FUNCTION hl7.outbound_revive(integer, text, bigint);
CREATE FUNCTION hl7.outbound_revive(p_tenant integer, p_destination text, p_numbers bigint[], p_limit integer)
RETURNS TABLE (old_number bigint, new_number bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    FOR old_number IN
        SELECT o.number FROM hl7.outbound o
        WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.state = 3
          AND (p_numbers IS NULL OR o.number = ANY (p_numbers))
        ORDER BY o.number LIMIT p_limit
    LOOP
        UPDATE hl7.outbound SET number = nextval('hl7.outbound_number'), ahead = 0, attempts = 0, first_sent_at = 0,
                not_before = 0, settled_at = 0, state = CASE raw WHEN '' THEN 5 ELSE 1 END
            WHERE tenant_id = p_tenant AND destination = p_destination AND number = old_number
            RETURNING number INTO new_number;
        PERFORM hl7.outbound_line_up(p_tenant, p_destination, ARRAY[new_number])
            FROM hl7.outbound o
            WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.number = new_number AND o.state = 1;
        RETURN NEXT;
    END LOOP;
END $$;

-- What was to be made again is made: it waits, or is dead for another reason.
CREATE FUNCTION hl7.outbound_made(
    p_tenant integer, p_destination text, p_number bigint, p_control_id text, p_type text, p_made bigint,
    p_state smallint, p_reason text, p_lanes bigint[], p_patients text[], p_raw bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    UPDATE hl7.outbound SET control_id = p_control_id, message_type = p_type, made_at = p_made, state = p_state, reason = p_reason,
            lanes = p_lanes, patients = p_patients, raw = p_raw,
            settled_at = CASE p_state WHEN 1 THEN 0 ELSE p_made END
        WHERE tenant_id = p_tenant AND destination = p_destination AND number = p_number AND state = 5;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_state = 1 THEN
        PERFORM hl7.outbound_line_up(p_tenant, p_destination, ARRAY[p_number]);
    END IF;
    RETURN true;
END $$;

-- Have nothing more done with a dead message; false, and nothing changes, for any other.
CREATE FUNCTION hl7.outbound_close(p_tenant integer, p_destination text, p_number bigint, p_reason text, p_now bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hl7.outbound SET state = 4, reason = p_reason, settled_at = p_now
        WHERE tenant_id = p_tenant AND destination = p_destination AND number = p_number AND state = 3;
    RETURN FOUND;
END $$;

-- How each destination stands that was ever followed or sent to.
CREATE FUNCTION hl7.outbound_standings(p_tenant integer) RETURNS TABLE (
    destination text, mode smallint, reason text, changed_at bigint, waiting bigint, oldest_at bigint, attempts integer,
    trouble text, dead bigint, unmade bigint, answered_at bigint
) LANGUAGE sql STABLE AS $$
    SELECT d.destination, d.mode, d.reason, d.changed_at, waiting.messages, oldest.made_at, oldest.attempts,
           oldest.reason, dead.messages, unmade.messages, answered.settled_at
    FROM hl7.destination d
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 1) waiting
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 3) dead
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 5) unmade
    LEFT JOIN LATERAL (SELECT o.made_at, o.attempts, o.reason FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                       AND o.destination = d.destination AND o.state = 1 ORDER BY o.number LIMIT 1) oldest ON true
    LEFT JOIN LATERAL (SELECT o.settled_at FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                       AND o.destination = d.destination AND o.state = 2 ORDER BY o.settled_at DESC LIMIT 1) answered
        ON true
    WHERE d.tenant_id = p_tenant ORDER BY d.destination
$$;
