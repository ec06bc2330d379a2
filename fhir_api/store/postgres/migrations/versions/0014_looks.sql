-- One question tells for which tenants something is due: fhir_api/store/postgres/upkeep.py.
SELECT tenancy.let_look(looked_at)
FROM unnest(ARRAY['fhir.definitions_state', 'fhir.parameter_state', 'fhir.reindex_job']::regclass[]) AS looked_at;
