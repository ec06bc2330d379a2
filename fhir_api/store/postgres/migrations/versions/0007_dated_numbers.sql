-- Rows of quantities and composites know their resource's primary clinical date, as those of codes do: a frequent value is
-- walked newest first, and a row is found by its resource (docs/decisions/0002-storage.md).

ALTER TABLE fhir.resource NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.quantity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.composite NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.quantity ADD COLUMN dated bigint NOT NULL DEFAULT 0;
ALTER TABLE fhir.composite ADD COLUMN dated bigint NOT NULL DEFAULT 0;
ALTER TABLE fhir.quantity DROP CONSTRAINT quantity_pkey;
ALTER TABLE fhir.composite DROP CONSTRAINT composite_pkey;
UPDATE fhir.quantity x SET dated = r.low FROM fhir.resource r WHERE r.tenant_id = x.tenant_id AND r.rid = x.rid;
UPDATE fhir.composite x SET dated = r.low FROM fhir.resource r WHERE r.tenant_id = x.tenant_id AND r.rid = x.rid;
ALTER TABLE fhir.resource FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.quantity FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.composite FORCE ROW LEVEL SECURITY;

ALTER TABLE fhir.quantity ALTER dated DROP DEFAULT, ADD PRIMARY KEY (tenant_id, param, unit, value, dated, rid);
ALTER TABLE fhir.composite ALTER dated DROP DEFAULT,
    ADD PRIMARY KEY (tenant_id, param, first, low, second, high, folded, dated, rid);
CREATE INDEX quantity_by_date ON fhir.quantity (tenant_id, param, unit, dated, rid, value);
CREATE INDEX composite_by_date ON fhir.composite (tenant_id, param, first, dated, rid) INCLUDE (second, low, high);

-- The functions that write and remove rows take one more array for each of the two tables, in front of the numbers.
DO $$
DECLARE
    name text;
    before text;
    after text;
BEGIN
    FOREACH name IN ARRAY ARRAY['fhir.write', 'fhir.unindex', 'fhir.index_own'] LOOP
        before := pg_get_functiondef(name::regproc);
        after := replace(before, 'quantity_rid fhir.bigints', 'quantity_dated fhir.bigints, quantity_rid fhir.bigints');
        after := replace(after, 'composite_rid fhir.bigints', 'composite_dated fhir.bigints, composite_rid fhir.bigints');
        after := replace(after, 'quantity_value, quantity_rid', 'quantity_value, quantity_dated, quantity_rid');
        after := replace(after, 'composite_folded, composite_rid', 'composite_folded, composite_dated, composite_rid');
        after := replace(after, 'unit, value, rid)', 'unit, value, dated, rid)');
        after := replace(after, 'high, folded, rid)', 'high, folded, dated, rid)');
        after := replace(after, 'x.value = n.value', 'x.value = n.value AND x.dated = n.dated');
        after := replace(after, 'x.high = n.high AND x.folded = n.folded',
                         'x.high = n.high AND x.folded = n.folded AND x.dated = n.dated');
        after := regexp_replace(after, 'INSERT INTO fhir\.quantity\s+SELECT',
                                'INSERT INTO fhir.quantity (tenant_id, param, unit, value, dated, rid) SELECT');
        after := regexp_replace(after, 'INSERT INTO fhir\.composite\s+SELECT',
                                'INSERT INTO fhir.composite (tenant_id, param, first, second, low, high, folded, dated, rid) '
                                'SELECT');
        EXECUTE format('DROP FUNCTION %s', name::regproc::regprocedure);
        EXECUTE after;
    END LOOP;
END $$;
