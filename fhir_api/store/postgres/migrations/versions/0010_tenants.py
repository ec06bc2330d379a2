"""Tenants are those of the schema ``tenancy``."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
