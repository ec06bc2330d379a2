"""Running a migration's SQL file, under the name that the migrations of this store know."""

from stanforis.storage.migrations.sql import run_beside

__all__ = ["run_beside"]
