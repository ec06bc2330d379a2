"""A connection to the database, as the driver has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:  # the class takes no parameters when it runs
    Connection = asyncpg.Connection
