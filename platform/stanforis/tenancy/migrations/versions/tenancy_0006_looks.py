"""What a process looks at to learn of changes of all tenants at once."""

from stanforis.storage.migrations.sql import run_beside

revision = "tenancy_0006"
down_revision = "tenancy_0005"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
