"""Messages that are sent: a queue for each destination, and how far it has read the change log."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0005"
down_revision = "hl7_0004"


def upgrade() -> None:
    """Make the tables ``destination``, ``outbound`` and ``outbound_lane``."""
    run_beside(__file__)
