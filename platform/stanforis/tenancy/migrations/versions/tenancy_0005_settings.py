"""Settings of tenants are acted on, or are not there."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0005"
down_revision = "tenancy_0004"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
