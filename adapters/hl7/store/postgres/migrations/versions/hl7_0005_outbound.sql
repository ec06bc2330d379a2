-- Messages that are sent, a queue for each destination: docs/decisions/0027-hl7-outbound.md.

-- How far a destination has read the change log: the last version that was looked at.
CREATE TABLE hl7.destination (
    tenant_id   integer NOT NULL,
    destination text COLLATE "C" NOT NULL,
    marker      bigint NOT NULL,
    rid         bigint NOT NULL,
    version     integer NOT NULL,
    PRIMARY KEY (tenant_id, destination)
);

CREATE SEQUENCE hl7.outbound_number;
CREATE TABLE hl7.outbound (
    tenant_id        integer NOT NULL,
    destination      text COLLATE "C" NOT NULL,
    number           bigint NOT NULL,
    control_id       text COLLATE "C" NOT NULL,     -- MSH-10: the same for the same version, so it is queued once
    message_type     text COLLATE "C" NOT NULL,     -- MSH-9.1^MSH-9.2
    resource         text COLLATE "C" NOT NULL,     -- Type/id of what changed
    resource_version integer NOT NULL,
    made_at          bigint NOT NULL,               -- milliseconds since 1970
    state            smallint NOT NULL CHECK (state BETWEEN 1 AND 3),   -- waiting, done, dead
    ahead            integer NOT NULL DEFAULT 0,    -- of how many of its lanes it is not the first
    attempts         integer NOT NULL DEFAULT 0,
    first_sent_at    bigint NOT NULL DEFAULT 0,     -- 0: not yet
    not_before       bigint NOT NULL DEFAULT 0,     -- a sender has it until then, or it is tried again then
    settled_at       bigint NOT NULL DEFAULT 0,
    reason           text NOT NULL,                 -- why it is dead or tried again; what was left out of it
    lanes            bigint[] NOT NULL,
    raw              bytea NOT NULL,                -- empty: it could not be made
    answer           bytea NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, destination, number),
    UNIQUE (tenant_id, destination, control_id)
);
CREATE INDEX outbound_first ON hl7.outbound (tenant_id, destination, number) WHERE state = 1 AND ahead = 0;
CREATE INDEX outbound_dead ON hl7.outbound (tenant_id, destination, number) WHERE state = 3;

-- Messages that wait, by lane: the first of a lane holds up the others.
CREATE TABLE hl7.outbound_lane (
    tenant_id   integer NOT NULL,
    destination text COLLATE "C" NOT NULL,
    lane        bigint NOT NULL,
    number      bigint NOT NULL,
    PRIMARY KEY (tenant_id, destination, lane, number)
);

SELECT tenancy.guard('hl7');
GRANT SELECT, INSERT, UPDATE ON hl7.destination, hl7.outbound TO stanforis_app;
GRANT SELECT, INSERT, DELETE ON hl7.outbound_lane TO stanforis_app;
GRANT USAGE ON SEQUENCE hl7.outbound_number TO stanforis_app;

-- How far a destination has read; one that is new begins at the position given.
CREATE FUNCTION hl7.followed(p_tenant integer, p_destination text, p_marker bigint, p_rid bigint, p_version integer)
RETURNS SETOF hl7.destination LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hl7.destination VALUES (p_tenant, p_destination, p_marker, p_rid, p_version) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT * FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination;
END $$;

-- Put messages into their lanes, and count the lanes in which others are ahead of them.
CREATE FUNCTION hl7.outbound_line_up(p_tenant integer, p_destination text, p_numbers bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hl7.outbound_lane (tenant_id, destination, lane, number)
        SELECT p_tenant, p_destination, unnest(o.lanes), o.number FROM hl7.outbound o
        WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.number = ANY (p_numbers);
    UPDATE hl7.outbound o SET ahead = behind.lanes
        FROM (SELECT own.number, count(*) AS lanes FROM hl7.outbound_lane own
              WHERE own.tenant_id = p_tenant AND own.destination = p_destination AND own.number = ANY (p_numbers)
                AND own.number > (SELECT min(l.number) FROM hl7.outbound_lane l
                                  WHERE l.tenant_id = p_tenant AND l.destination = p_destination AND l.lane = own.lane)
              GROUP BY own.number) behind
        WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.number = behind.number;
END $$;

-- Queue what was made of the versions up to a position, if the destination still stands where it was read from; false
-- where somebody else has read on meanwhile. p_lane_counts says how many of p_lanes belong to each message.
CREATE FUNCTION hl7.enqueue(
    p_tenant integer, p_destination text, p_from_marker bigint, p_from_rid bigint, p_from_version integer,
    p_marker bigint, p_rid bigint, p_version integer, p_control_ids text[], p_types text[], p_resources text[],
    p_versions integer[], p_made bigint[], p_states smallint[], p_reasons text[], p_lane_counts integer[],
    p_lanes bigint[], p_raws bytea[]
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
        SELECT u.*, sum(u.lanes) OVER (ORDER BY u.place)::integer AS last
        FROM unnest(p_control_ids, p_types, p_resources, p_versions, p_made, p_states, p_reasons, p_lane_counts, p_raws)
             WITH ORDINALITY AS u (control_id, message_type, resource, version, made_at, state, reason, lanes, raw, place)
    ), queued AS (
        INSERT INTO hl7.outbound (tenant_id, destination, number, control_id, message_type, resource, resource_version,
                                  made_at, state, reason, lanes, raw, settled_at)
        SELECT p_tenant, p_destination, nextval('hl7.outbound_number'), g.*
        FROM (SELECT control_id, message_type, resource, version, made_at, state, reason,
                     p_lanes[last - lanes + 1 : last], raw, CASE state WHEN 3 THEN made_at ELSE 0 END
              FROM given ORDER BY place) g
        ON CONFLICT (tenant_id, destination, control_id) DO NOTHING
        RETURNING number, state
    )
    SELECT array_agg(q.number) INTO v_numbers FROM queued q WHERE q.state = 1;
    PERFORM hl7.outbound_line_up(p_tenant, p_destination, v_numbers);
    RETURN true;
END $$;

-- Take messages that are first in all their lanes, for as long as the lease lasts.
CREATE FUNCTION hl7.outbound_claim(p_tenant integer, p_destination text, p_limit integer, p_now bigint, p_lease bigint)
RETURNS SETOF hl7.outbound LANGUAGE plpgsql AS $$
BEGIN
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

-- Say what became of a message that was sent: 1 it is tried again at p_not_before, 2 done, 3 dead.
CREATE FUNCTION hl7.outbound_settle(
    p_tenant integer, p_destination text, p_number bigint, p_state smallint, p_reason text, p_not_before bigint,
    p_now bigint, p_answer bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_lanes bigint[];
BEGIN
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR SHARE;
    UPDATE hl7.outbound SET state = p_state, reason = p_reason, not_before = p_not_before, answer = p_answer,
            settled_at = CASE p_state WHEN 1 THEN 0 ELSE p_now END
        WHERE tenant_id = p_tenant AND destination = p_destination AND number = p_number AND state = 1
        RETURNING lanes INTO v_lanes;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_state <> 1 THEN
        DELETE FROM hl7.outbound_lane
            WHERE tenant_id = p_tenant AND destination = p_destination AND lane = ANY (v_lanes) AND number = p_number;
        UPDATE hl7.outbound o SET ahead = o.ahead - next.lanes
            FROM (SELECT first.number, count(*) AS lanes
                  FROM unnest(v_lanes) AS own (lane)
                  CROSS JOIN LATERAL (SELECT min(l.number) AS number FROM hl7.outbound_lane l
                                      WHERE l.tenant_id = p_tenant AND l.destination = p_destination
                                        AND l.lane = own.lane) first
                  GROUP BY first.number) next
            WHERE o.tenant_id = p_tenant AND o.destination = p_destination AND o.number = next.number;
    END IF;
    RETURN true;
END $$;

-- Send a dead message again, behind all that waits; returns its new number, or none where it is not dead or was never
-- made.
CREATE FUNCTION hl7.outbound_revive(p_tenant integer, p_destination text, p_number bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_number bigint;
BEGIN
    PERFORM FROM hl7.destination WHERE tenant_id = p_tenant AND destination = p_destination FOR UPDATE;
    UPDATE hl7.outbound SET number = nextval('hl7.outbound_number'), state = 1, ahead = 0, attempts = 0,
            first_sent_at = 0, not_before = 0, settled_at = 0
        WHERE tenant_id = p_tenant AND destination = p_destination AND number = p_number AND state = 3 AND raw <> ''
        RETURNING number INTO v_number;
    IF FOUND THEN
        PERFORM hl7.outbound_line_up(p_tenant, p_destination, ARRAY[v_number]);
    END IF;
    RETURN v_number;
END $$;
