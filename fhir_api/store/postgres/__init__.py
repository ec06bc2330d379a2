"""The store on PostgreSQL 15 and newer: layout in ``migrations``, reasons in docs/decisions/0002-storage.md."""
