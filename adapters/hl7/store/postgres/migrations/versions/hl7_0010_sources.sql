-- Before a message is sent, all that it was made of is looked at once more: docs/hl7v2-outbound.md.

ALTER TABLE hl7.outbound
    ADD COLUMN sources text NOT NULL DEFAULT '',    -- references of what it was made of, a line each
    DROP CONSTRAINT outbound_state_check,
    ADD CONSTRAINT outbound_state_check CHECK (state BETWEEN 1 AND 6);  -- 6: withdrawn, it was not to be seen any more
CREATE INDEX outbound_withdrawn ON hl7.outbound (tenant_id, destination, number) WHERE state = 6;

-- As before, and of what each message was made.
DROP FUNCTION hl7.enqueue(
    integer, text, bigint, bigint, integer, bigint, bigint, integer, text[], text[], text[], integer[], bigint[],
    smallint[], text[], integer[], bigint[], integer[], text[], bytea[]);
CREATE FUNCTION hl7.enqueue(
    p_tenant integer, p_destination text, p_from_marker bigint, p_from_rid bigint, p_from_version integer,
    p_marker bigint, p_rid bigint, p_version integer, p_control_ids text[], p_types text[], p_resources text[],
    p_versions integer[], p_made bigint[], p_states smallint[], p_reasons text[], p_sources text[],
    p_lane_counts integer[], p_lanes bigint[], p_patient_counts integer[], p_patients text[], p_raws bytea[]
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
        FROM unnest(p_control_ids, p_types, p_resources, p_versions, p_made, p_states, p_reasons, p_sources,
                    p_lane_counts, p_patient_counts, p_raws) WITH ORDINALITY
             AS u (control_id, message_type, resource, version, made_at, state, reason, sources, lanes, patients, raw,
                   place)
    ), queued AS (
        INSERT INTO hl7.outbound (tenant_id, destination, number, control_id, message_type, resource, resource_version,
                                  made_at, state, reason, sources, lanes, patients, raw, settled_at)
        SELECT p_tenant, p_destination, nextval('hl7.outbound_number'), g.*
        FROM (SELECT control_id, message_type, resource, version, made_at, state, reason, sources,
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

-- The same for a message that no change of a resource made.
DROP FUNCTION hl7.outbound_put(
    integer, text, text, text, text, integer, bigint, smallint, text, bigint[], text[], bytea);
CREATE FUNCTION hl7.outbound_put(
    p_tenant integer, p_destination text, p_control_id text, p_type text, p_resource text, p_version integer,
    p_made bigint, p_state smallint, p_reason text, p_sources text, p_lanes bigint[], p_patients text[], p_raw bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_number bigint;
BEGIN
    INSERT INTO hl7.destination (tenant_id, destination) VALUES (p_tenant, p_destination) ON CONFLICT DO NOTHING;
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    INSERT INTO hl7.outbound (tenant_id, destination, number, control_id, message_type, resource, resource_version,
                              made_at, state, reason, sources, lanes, patients, raw)
        VALUES (p_tenant, p_destination, nextval('hl7.outbound_number'), p_control_id, p_type, p_resource, p_version,
                p_made, p_state, p_reason, p_sources, p_lanes, p_patients, p_raw)
        ON CONFLICT (tenant_id, destination, control_id) DO NOTHING
        RETURNING number INTO v_number;
    IF v_number IS NOT NULL AND p_state = 1 THEN
        PERFORM hl7.outbound_line_up(p_tenant, p_destination, ARRAY[v_number]);
    END IF;
    RETURN v_number;
END $$;

-- And for one that is made again.
DROP FUNCTION hl7.outbound_made(
    integer, text, bigint, text, text, bigint, smallint, text, bigint[], text[], bytea);
CREATE FUNCTION hl7.outbound_made(
    p_tenant integer, p_destination text, p_number bigint, p_control_id text, p_type text, p_made bigint,
    p_state smallint, p_reason text, p_sources text, p_lanes bigint[], p_patients text[], p_raw bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    UPDATE hl7.outbound SET control_id = p_control_id, message_type = p_type, made_at = p_made, state = p_state,
            reason = p_reason, sources = p_sources, lanes = p_lanes, patients = p_patients, raw = p_raw,
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

-- A message that waits says something else from now on, in its place; false where it waits no more.
CREATE FUNCTION hl7.outbound_renew(
    p_tenant integer, p_destination text, p_number bigint, p_made bigint, p_reason text, p_sources text,
    p_patients text[], p_raw bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hl7.outbound SET made_at = p_made, reason = p_reason, sources = p_sources, patients = p_patients, raw = p_raw
        WHERE tenant_id = p_tenant AND destination = p_destination AND number = p_number AND state = 1;
    RETURN FOUND;
END $$;

-- As before; messages that were withdrawn are tried again where their numbers are given, never with all others.
CREATE OR REPLACE FUNCTION hl7.outbound_revive(p_tenant integer, p_destination text, p_numbers bigint[], p_limit integer)
RETURNS TABLE (old_number bigint, new_number bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    FOR old_number IN
        SELECT o.number FROM hl7.outbound o
        WHERE o.tenant_id = p_tenant AND o.destination = p_destination
          AND CASE WHEN p_numbers IS NULL THEN o.state = 3
                   ELSE o.number = ANY (p_numbers) AND o.state IN (3, 6) END
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

-- As before, and how many messages were withdrawn.
DROP FUNCTION hl7.outbound_standings(integer);
CREATE FUNCTION hl7.outbound_standings(p_tenant integer) RETURNS TABLE (
    destination text, mode smallint, reason text, changed_at bigint, waiting bigint, oldest_at bigint, attempts integer,
    trouble text, dead bigint, unmade bigint, withdrawn bigint, answered_at bigint
) LANGUAGE sql STABLE AS $$
    SELECT d.destination, d.mode, d.reason, d.changed_at, waiting.messages, oldest.made_at, oldest.attempts,
           oldest.reason, dead.messages, unmade.messages, withdrawn.messages, answered.settled_at
    FROM hl7.destination d
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 1) waiting
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 3) dead
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 5) unmade
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                        AND o.destination = d.destination AND o.state = 6) withdrawn
    LEFT JOIN LATERAL (SELECT o.made_at, o.attempts, o.reason FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                       AND o.destination = d.destination AND o.state = 1 ORDER BY o.number LIMIT 1) oldest ON true
    LEFT JOIN LATERAL (SELECT o.settled_at FROM hl7.outbound o WHERE o.tenant_id = p_tenant
                       AND o.destination = d.destination AND o.state = 2 ORDER BY o.settled_at DESC LIMIT 1) answered
        ON true
    WHERE d.tenant_id = p_tenant ORDER BY d.destination
$$;
