"""Messages that are sent, by the patients they tell of."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0009"
down_revision = "hl7_0008"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
