-- Take received messages that are first in all their lanes, for as long as the lease lasts, as hl7_0006 says.
-- Whether a message is first is asked inside the statements: as a function it was a statement of its own for each of
-- hundreds of messages, and each of them asked anew which tenant the session speaks for.

CREATE OR REPLACE FUNCTION hl7.first_in_lanes(p_tenant integer, p_limit integer, p_now bigint)
RETURNS bigint[] LANGUAGE plpgsql AS $$
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
            SELECT FROM hl7.message m
            WHERE m.tenant_id = p_tenant AND m.number = v_number AND m.state = 1 AND m.leased_until <= p_now
              AND NOT EXISTS (
                SELECT FROM unnest(m.lanes) AS own (lane)
                WHERE (SELECT l.number FROM hl7.lane l WHERE l.tenant_id = p_tenant AND l.lane = own.lane
                       ORDER BY l.number LIMIT 1) < m.number)
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
        WHERE NOT EXISTS (
            SELECT FROM unnest(oldest.lanes) AS own (lane)
            WHERE (SELECT l.number FROM hl7.lane l WHERE l.tenant_id = p_tenant AND l.lane = own.lane
                   ORDER BY l.number LIMIT 1) < oldest.number)
        ORDER BY oldest.number LIMIT p_limit
    ) o;
    IF v_numbers IS NULL THEN
        -- where those were all there are, nothing else is first either
        PERFORM FROM hl7.message m WHERE m.tenant_id = p_tenant AND m.state = 1 AND m.leased_until <= p_now
            ORDER BY m.number OFFSET 10 * p_limit LIMIT 1;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        v_numbers := hl7.first_in_lanes(p_tenant, p_limit, p_now);
    END IF;
    RETURN QUERY
        WITH first AS MATERIALIZED (
            SELECT m.number FROM hl7.message m
            WHERE m.tenant_id = p_tenant AND m.number = ANY (v_numbers) AND m.state = 1 AND m.leased_until <= p_now
              AND NOT EXISTS (
                SELECT FROM unnest(m.lanes) AS own (lane)
                WHERE (SELECT l.number FROM hl7.lane l WHERE l.tenant_id = p_tenant AND l.lane = own.lane
                       ORDER BY l.number LIMIT 1) < m.number)
            ORDER BY m.number FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE hl7.message m SET leased_until = p_now + p_lease, attempts = m.attempts + 1
            FROM first WHERE m.tenant_id = p_tenant AND m.number = first.number
            RETURNING m.*
        )
        SELECT * FROM taken ORDER BY number;
END $$;

DROP FUNCTION hl7.is_first(integer, bigint, bigint[]);
