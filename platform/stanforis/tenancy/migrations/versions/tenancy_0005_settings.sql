-- Which packages a tenant has is told by fhir.package alone.
ALTER TABLE tenancy.tenant DROP COLUMN packages;

-- The search index is made with the time zone: the server's role may give it to a new tenant, but change it the owner only,
-- who makes the index anew ('stanforis db reindex'). Nor does the name in addresses ever change.
REVOKE UPDATE ON tenancy.tenant FROM stanforis_app;
GRANT UPDATE (name, state, plan, profiles, languages, cors_origins) ON tenancy.tenant TO stanforis_app;
