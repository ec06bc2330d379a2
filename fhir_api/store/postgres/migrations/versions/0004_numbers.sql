-- A resource's number begins with its type (types.py): the key walks the resources of a type in an order that no update
-- changes, without an index for it. Resources that are stored already get such numbers too; their index rows are made anew
-- by 'stanforis db reindex', which the mark below asks for.

ALTER TABLE fhir.resource NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.history NO FORCE ROW LEVEL SECURITY;
UPDATE fhir.installation SET extraction = 'of older numbers' WHERE EXISTS (SELECT FROM fhir.resource);
UPDATE fhir.resource SET rid = (type_id::bigint << 40) | rid WHERE rid < 1::bigint << 40;
UPDATE fhir.history SET rid = (type_id::bigint << 40) | rid WHERE rid < 1::bigint << 40;
ALTER TABLE fhir.resource FORCE ROW LEVEL SECURITY;
ALTER TABLE fhir.history FORCE ROW LEVEL SECURITY;
TRUNCATE fhir.token, fhir.token_code, fhir.reference, fhir.date, fhir.string, fhir.quantity, fhir.composite;

-- What leads from a resource to its rows holds the resource's number alone: its few rows lie together anyway, and equal
-- keys are stored once. That takes half the room.
DROP INDEX fhir.reference_of_resource, fhir.date_of_resource, fhir.string_of_resource, fhir.quantity_of_resource;
CREATE INDEX reference_of_resource ON fhir.reference (tenant_id, rid);
CREATE INDEX date_of_resource ON fhir.date (tenant_id, rid);
CREATE INDEX string_of_resource ON fhir.string (tenant_id, rid);
CREATE INDEX quantity_of_resource ON fhir.quantity (tenant_id, rid);
