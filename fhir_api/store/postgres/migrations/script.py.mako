"""${message}"""

from fhir_api.store.postgres.migrations.sql import run_beside

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_beside(__file__)
