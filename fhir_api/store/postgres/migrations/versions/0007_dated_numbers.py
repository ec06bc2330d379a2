"""Quantities and composites in the order of the primary clinical date."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
