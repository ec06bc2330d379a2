-- A walk through pages finds the resources that were changed since it began, and where they stood then:
-- docs/decisions/0014-walks.md.

-- Where the version stood by primary clinical date. No walk that can still go on needs it of earlier versions.
ALTER TABLE fhir.history ADD COLUMN low bigint NOT NULL DEFAULT 0;

-- What was changed since a marker, without what was made since.
CREATE INDEX resource_changed ON fhir.resource (tenant_id, marker, type_id, rid) WHERE version > 1;

-- fhir.write keeps the date of what it supersedes.
DO $$
DECLARE
    before text := pg_get_functiondef('fhir.write'::regproc);
    after text := replace(replace(before, 'r.fhir_id, r.body', 'r.fhir_id, r.low, r.body'),
                          ' fhir_id, body', ' fhir_id, low, body');
BEGIN
    IF length(after) - length(before) <> length('r.low, low, low, ') THEN
        RAISE EXCEPTION 'fhir.write is not as it was expected';
    END IF;
    EXECUTE after;
END $$;
