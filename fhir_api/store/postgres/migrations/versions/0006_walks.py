"""What a walk through pages needs to know of resources that are changed meanwhile."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
