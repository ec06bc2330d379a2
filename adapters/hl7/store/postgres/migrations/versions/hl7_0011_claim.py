"""A claim looks at many messages by one statement each, and asks what the session may see once for all of them."""

from stanforis.storage.migrations.sql import run_beside

revision = "hl7_0011"
down_revision = "hl7_0010"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
