"""Packages of definitions, and a number that says when a tenant's definitions changed."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
