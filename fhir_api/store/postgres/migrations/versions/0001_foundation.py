"""The canonical store and its search index."""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
