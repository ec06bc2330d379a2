-- Take received messages that are first in all their lanes, for as long as the lease lasts.
-- Lanes of parked messages grow for days, and all that stands in them is older than what can be worked on. So only the
-- oldest few messages are tried one by one; where they all wait, lanes are looked at instead, each by its first message.
CREATE FUNCTION hl7.is_first(p_tenant integer, p_number bigint, p_lanes bigint[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM unnest(p_lanes) AS own (lane)
                       JOIN hl7.lane older ON older.tenant_id = p_tenant AND older.lane = own.lane
                                          AND older.number < p_number);
$$;

-- Numbers of messages that are first in all their lanes, from a lane picked by chance on: nobody's lane is always the last.
CREATE FUNCTION hl7.first_in_lanes(p_tenant integer, p_limit integer, p_now bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_begin bigint := (random() * 1.8e19 - 9e18)::numeric::bigint;
    v_lane bigint := v_begin;
    v_number bigint;
    v_is_around boolean := false;
    v_found bigint[] := '{}';
BEGIN
    FOR step IN 1 .. 5000 LOOP
        SELECT l.lane, l.number INTO v_lane, v_number FROM hl7.lane l
            WHERE l.tenant_id = p_tenant AND l.lane > v_lane ORDER BY l.lane, l.number LIMIT 1;
        IF NOT FOUND THEN
            EXIT WHEN v_is_around;
            v_is_around := true;
            v_lane := -9223372036854775808;
            CONTINUE;
        END IF;
        EXIT WHEN v_is_around AND v_lane > v_begin;
        IF v_number <> ALL (v_found) AND EXISTS (
            SELECT FROM hl7.message m WHERE m.tenant_id = p_tenant AND m.number = v_number AND m.state = 1
                AND m.leased_until <= p_now AND hl7.is_first(p_tenant, m.number, m.lanes)
        ) THEN
            v_found := v_found || v_number;
            EXIT WHEN cardinality(v_found) >= p_limit;
        END IF;
    END LOOP;
    RETURN v_found;
END $$;

CREATE OR REPLACE FUNCTION hl7.claim(p_tenant integer, p_limit integer, p_now bigint, p_lease bigint)
RETURNS SETOF hl7.message LANGUAGE plpgsql AS $$
DECLARE
    v_numbers bigint[];
BEGIN
    SELECT array_agg(o.number) INTO v_numbers FROM (
        SELECT oldest.number
        FROM (SELECT m.number, m.lanes FROM hl7.message m
              WHERE m.tenant_id = p_tenant AND m.state = 1 AND m.leased_until <= p_now
              ORDER BY m.number LIMIT 10 * p_limit) oldest
        WHERE hl7.is_first(p_tenant, oldest.number, oldest.lanes)
        ORDER BY oldest.number LIMIT p_limit
    ) o;
    IF v_numbers IS NULL THEN
        v_numbers := hl7.first_in_lanes(p_tenant, p_limit, p_now);
    END IF;
    RETURN QUERY
        WITH first AS MATERIALIZED (
            SELECT m.number FROM hl7.message m
            WHERE m.tenant_id = p_tenant AND m.number = ANY (v_numbers) AND m.state = 1 AND m.leased_until <= p_now
              AND hl7.is_first(p_tenant, m.number, m.lanes)
            ORDER BY m.number FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE hl7.message m SET leased_until = p_now + p_lease, attempts = m.attempts + 1
            FROM first WHERE m.tenant_id = p_tenant AND m.number = first.number
            RETURNING m.*
        )
        SELECT * FROM taken ORDER BY number;
END $$;
