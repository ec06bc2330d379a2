"""What messages that are sent were made of, and those that are withdrawn before they were sent."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0010"
down_revision = "hl7_0009"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
