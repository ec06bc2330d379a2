-- Rows are kept once (docs/decisions/0020-rows-once.md). What is stored has to be indexed anew by 'stanforis db reindex':
-- the mark says so. Without resources there is nothing to do, and the server sets its own mark.

ALTER TABLE fhir.resource NO FORCE ROW LEVEL SECURITY;
UPDATE fhir.installation SET extraction = CASE WHEN EXISTS (SELECT FROM fhir.resource) THEN 'of rows kept twice' END;
ALTER TABLE fhir.resource FORCE ROW LEVEL SECURITY;
TRUNCATE fhir.token, fhir.token_code, fhir.reference, fhir.date, fhir.string, fhir.quantity, fhir.composite;

-- The order of dates holds the whole row; that of values is read where few match, and only tells which. The order of dates
-- is made last: of indexes that seem to cost the same, as on empty tables, the planner takes the youngest.
ALTER TABLE fhir.quantity DROP CONSTRAINT quantity_pkey;
DROP INDEX fhir.quantity_by_date;
CREATE INDEX quantity_by_value ON fhir.quantity (tenant_id, param, unit, value);
ALTER TABLE fhir.quantity ADD PRIMARY KEY (tenant_id, param, unit, dated, rid, value);
ALTER TABLE fhir.composite DROP CONSTRAINT composite_pkey;
DROP INDEX fhir.composite_by_date;
CREATE INDEX composite_by_value ON fhir.composite (tenant_id, param, first, low, second);
CREATE INDEX composite_by_date ON fhir.composite (tenant_id, param, first, dated, rid) INCLUDE (second, low, high);

-- A row to be removed is found by its resource, whose rows are few, never by its value, which many may have.
DO $$
DECLARE
    before text := pg_get_functiondef('fhir.unindex'::regproc);
    after text := before;
BEGIN
    after := replace(after, 'x.value = n.value', '(x.value = n.value) IS TRUE');
    after := replace(after, 'x.second = n.second', '(x.second = n.second) IS TRUE');
    after := replace(after, 'x.low = n.low AND x.high = n.high AND x.folded', '(x.low = n.low) IS TRUE AND x.high = n.high AND x.folded');
    IF length(after) - length(before) <> 3 * length('() IS TRUE') THEN
        RAISE EXCEPTION 'fhir.unindex is not as it was expected';
    END IF;
    EXECUTE after;
    before := pg_get_functiondef('fhir.index_own'::regproc);
    after := regexp_replace(before, '(composite_rid\) AS n)\s+ON CONFLICT DO NOTHING',
        '\1 (param, first, second, low, high, folded, dated, rid) WHERE NOT EXISTS (SELECT FROM fhir.composite x '
        'WHERE x.tenant_id = tenant AND x.param = n.param AND x.first = n.first AND x.dated = n.dated AND x.rid = n.rid '
        'AND (x.second = n.second) IS TRUE AND (x.low = n.low) IS TRUE AND x.high = n.high AND x.folded = n.folded OFFSET 0)');
    IF after = before THEN
        RAISE EXCEPTION 'fhir.index_own is not as it was expected';
    END IF;
    EXECUTE after;
END $$;
