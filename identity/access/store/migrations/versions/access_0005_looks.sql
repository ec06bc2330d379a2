-- One question tells what was revoked, and whose roles and rules changed: identity/access/store/postgres.py.
SELECT tenancy.let_look(looked_at) FROM unnest(ARRAY['access.revocation', 'access.generation']::regclass[]) AS looked_at;
