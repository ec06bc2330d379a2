"""The installation looks at what is due for search parameters of all tenants."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
