-- Index rows are removed by a statement for each table, not for each row: the writes of several requests share a call, and
-- with it what a statement costs by itself.

-- Remove index rows, each found by its whole key.
-- A plan is kept, also one made while a table was empty. So the rows are looked up inside a LATERAL first and removed by
-- their place; the condition on param, which is always true, makes the planner expect one row, and start there.
CREATE OR REPLACE FUNCTION fhir.unindex(
    tenant integer,
    token_param fhir.integers, token_hash fhir.bigints, token_low fhir.bigints, token_rid fhir.bigints,
    reference_param fhir.integers, reference_target fhir.bigints, reference_low fhir.bigints, reference_rid fhir.bigints,
    date_param fhir.integers, date_low fhir.bigints, date_high fhir.bigints, date_rid fhir.bigints,
    string_param fhir.integers, string_folded fhir.texts, string_exact fhir.bigints, string_rid fhir.bigints,
    quantity_param fhir.integers, quantity_unit fhir.bigints, quantity_value fhir.doubles, quantity_rid fhir.bigints,
    composite_param fhir.integers, composite_first fhir.bigints, composite_second fhir.bigints, composite_low fhir.doubles,
    composite_high fhir.doubles, composite_folded fhir.texts, composite_rid fhir.bigints
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('stanforis.tenant', tenant::text, true);
    IF cardinality(token_rid) > 0 THEN
        DELETE FROM fhir.token
        USING unnest(token_param, token_hash, token_low, token_rid)
            AS n (param, hash, low, rid)
        CROSS JOIN LATERAL (
            SELECT x.ctid FROM fhir.token x
            WHERE x.tenant_id = tenant AND x.param = n.param AND x.hash = n.hash AND x.low = n.low
              AND x.rid = n.rid
            OFFSET 0
        ) gone (place)
        WHERE token.ctid = gone.place AND n.param BETWEEN -2147483648 AND 2147483647;
    END IF;
    IF cardinality(reference_rid) > 0 THEN
        DELETE FROM fhir.reference
        USING unnest(reference_param, reference_target, reference_low, reference_rid)
            AS n (param, target, low, rid)
        CROSS JOIN LATERAL (
            SELECT x.ctid FROM fhir.reference x
            WHERE x.tenant_id = tenant AND x.param = n.param AND x.target = n.target AND x.low = n.low
              AND x.rid = n.rid
            OFFSET 0
        ) gone (place)
        WHERE reference.ctid = gone.place AND n.param BETWEEN -2147483648 AND 2147483647;
    END IF;
    IF cardinality(date_rid) > 0 THEN
        DELETE FROM fhir.date
        USING unnest(date_param, date_low, date_high, date_rid)
            AS n (param, low, high, rid)
        CROSS JOIN LATERAL (
            SELECT x.ctid FROM fhir.date x
            WHERE x.tenant_id = tenant AND x.param = n.param AND x.low = n.low AND x.high = n.high
              AND x.rid = n.rid
            OFFSET 0
        ) gone (place)
        WHERE date.ctid = gone.place AND n.param BETWEEN -2147483648 AND 2147483647;
    END IF;
    IF cardinality(string_rid) > 0 THEN
        DELETE FROM fhir.string
        USING unnest(string_param, string_folded, string_exact, string_rid)
            AS n (param, folded, exact, rid)
        CROSS JOIN LATERAL (
            SELECT x.ctid FROM fhir.string x
            WHERE x.tenant_id = tenant AND x.param = n.param AND x.folded = n.folded AND x.exact = n.exact
              AND x.rid = n.rid
            OFFSET 0
        ) gone (place)
        WHERE string.ctid = gone.place AND n.param BETWEEN -2147483648 AND 2147483647;
    END IF;
    IF cardinality(quantity_rid) > 0 THEN
        DELETE FROM fhir.quantity
        USING unnest(quantity_param, quantity_unit, quantity_value, quantity_rid)
            AS n (param, unit, value, rid)
        CROSS JOIN LATERAL (
            SELECT x.ctid FROM fhir.quantity x
            WHERE x.tenant_id = tenant AND x.param = n.param AND x.unit = n.unit AND x.value = n.value
              AND x.rid = n.rid
            OFFSET 0
        ) gone (place)
        WHERE quantity.ctid = gone.place AND n.param BETWEEN -2147483648 AND 2147483647;
    END IF;
    IF cardinality(composite_rid) > 0 THEN
        DELETE FROM fhir.composite
        USING unnest(composite_param, composite_first, composite_second, composite_low, composite_high,
                     composite_folded, composite_rid)
            AS n (param, first, second, low, high, folded, rid)
        CROSS JOIN LATERAL (
            SELECT x.ctid FROM fhir.composite x
            WHERE x.tenant_id = tenant AND x.param = n.param AND x.first = n.first AND x.second = n.second
              AND x.low = n.low AND x.high = n.high AND x.folded = n.folded AND x.rid = n.rid
            OFFSET 0
        ) gone (place)
        WHERE composite.ctid = gone.place AND n.param BETWEEN -2147483648 AND 2147483647;
    END IF;
END $$;

-- Plans are made without a look at values: the usual number of samples tells all they ask for.
ALTER TABLE fhir.token ALTER hash SET STATISTICS -1;
ALTER TABLE fhir.reference ALTER target SET STATISTICS -1;
