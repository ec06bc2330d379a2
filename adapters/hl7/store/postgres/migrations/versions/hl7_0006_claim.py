"""Messages are claimed without going through all that wait behind others."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0006"
down_revision = "hl7_0005"


def upgrade() -> None:
    """Replace the function ``claim``."""
    run_beside(__file__)
