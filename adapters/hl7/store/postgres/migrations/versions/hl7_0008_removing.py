"""Messages that are done with are removed by age, where a setting says so."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0008"
down_revision = "hl7_0007"


def upgrade() -> None:
    """Note when messages are settled, and add the function ``remove``."""
    run_beside(__file__)
