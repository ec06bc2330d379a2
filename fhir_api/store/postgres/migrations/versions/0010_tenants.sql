-- The tenants are those of the schema tenancy (docs/tenancy.md); here they are seen by the names that addresses have.

UPDATE tenancy.tenant t SET profiles = f.profiles FROM fhir.tenant f WHERE f.tenant_id = t.tenant_id;
INSERT INTO tenancy.tenant (tenant_id, slug, name, state, profiles)
SELECT f.tenant_id,
       CASE WHEN f.name ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$' THEN f.name ELSE 'tenant-' || f.tenant_id END,
       f.name, 'active', f.profiles
FROM fhir.tenant f ON CONFLICT DO NOTHING;
SELECT setval('tenancy.tenant_number', greatest(2, max(t.tenant_id) + 1), false) FROM tenancy.tenant t;

DROP TABLE fhir.tenant;
CREATE VIEW fhir.tenant WITH (security_invoker = true) AS
SELECT t.tenant_id, t.slug AS name, t.profiles FROM tenancy.tenant t;
GRANT SELECT ON fhir.tenant TO stanforis_app;
