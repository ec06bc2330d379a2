-- What was made of messages, and the questions that parked ones wait for: docs/decisions/0016-hl7-messages.md.

CREATE TABLE hl7.work (
    tenant_id integer NOT NULL,
    number    bigint NOT NULL,
    plan      text COLLATE "C" NOT NULL,        -- the plan that mapped it
    made      bytea NOT NULL,                   -- JSON, compressed: the Bundle, where it went, the ledger
    PRIMARY KEY (tenant_id, number)
);
ALTER TABLE hl7.work ALTER made SET STORAGE EXTERNAL;

CREATE TABLE hl7.waiting (
    tenant_id integer NOT NULL,
    number    bigint NOT NULL,
    question  text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, number, question)
);
CREATE INDEX waiting_for ON hl7.waiting (tenant_id, question);

SELECT tenancy.guard('hl7');
GRANT SELECT, INSERT, UPDATE, DELETE ON hl7.work, hl7.waiting TO stanforis_app;

-- Say what became of messages; returns how many of them there are. A message that is worked on again, or that waits,
-- stands in its lanes. p_question_counts says how many of p_questions belong to each message.
DROP FUNCTION hl7.settle(integer, bigint, smallint, text);
CREATE FUNCTION hl7.settle(
    p_tenant integer, p_numbers bigint[], p_states smallint[], p_reasons text[], p_not_before bigint[], p_plans text[],
    p_made bytea[], p_question_counts integer[], p_questions text[]
) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_known bigint;
BEGIN
    UPDATE hl7.message m SET state = s.state, reason = s.reason, leased_until = s.not_before
        FROM unnest(p_numbers, p_states, p_reasons, p_not_before) AS s (number, state, reason, not_before)
        WHERE m.tenant_id = p_tenant AND m.number = s.number;
    GET DIAGNOSTICS v_known = ROW_COUNT;
    DELETE FROM hl7.lane l USING hl7.message m
        WHERE m.tenant_id = p_tenant AND m.number = ANY (p_numbers) AND m.state IN (3, 4)
          AND l.tenant_id = p_tenant AND l.lane = ANY (m.lanes) AND l.number = m.number;
    INSERT INTO hl7.lane (tenant_id, lane, number)
        SELECT p_tenant, unnest(m.lanes), m.number FROM hl7.message m
        WHERE m.tenant_id = p_tenant AND m.number = ANY (p_numbers) AND m.state IN (1, 2)
        ON CONFLICT DO NOTHING;
    DELETE FROM hl7.waiting WHERE tenant_id = p_tenant AND number = ANY (p_numbers);
    INSERT INTO hl7.waiting (tenant_id, number, question)
        SELECT p_tenant, a.number, q.question
        FROM (SELECT s.*, sum(s.questions) OVER (ORDER BY s.place) AS last
              FROM unnest(p_numbers, p_question_counts) WITH ORDINALITY AS s (number, questions, place)) a
        JOIN unnest(p_questions) WITH ORDINALITY AS q (question, place)
          ON q.place > a.last - a.questions AND q.place <= a.last
        ON CONFLICT DO NOTHING;
    INSERT INTO hl7.work (tenant_id, number, plan, made)
        SELECT p_tenant, s.number, s.plan, s.made FROM unnest(p_numbers, p_plans, p_made) AS s (number, plan, made)
        JOIN hl7.message m ON m.tenant_id = p_tenant AND m.number = s.number
        WHERE s.plan <> ''
        ON CONFLICT (tenant_id, number) DO UPDATE SET plan = excluded.plan, made = excluded.made;
    RETURN v_known;
END $$;

-- Have the messages worked on that wait for p_question and for no other; returns how many those are.
CREATE FUNCTION hl7.release(p_tenant integer, p_question text) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_freed bigint[];
    v_count bigint;
BEGIN
    WITH answered AS (
        DELETE FROM hl7.waiting WHERE tenant_id = p_tenant AND question = p_question RETURNING number
    )
    SELECT array_agg(a.number) INTO v_freed FROM answered a
        WHERE NOT EXISTS (SELECT FROM hl7.waiting w
                          WHERE w.tenant_id = p_tenant AND w.number = a.number AND w.question <> p_question);
    UPDATE hl7.message SET state = 1, reason = '', leased_until = 0
        WHERE tenant_id = p_tenant AND number = ANY (v_freed) AND state = 2;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;
