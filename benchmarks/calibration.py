"""What a fixed piece of work costs at this hour: ``pgbench -S -M prepared`` in the database that is measured.

The same work costs more on a machine whose neighbours are busy; figures of different hours are compared beside this.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from stanforis.storage.embedded import EmbeddedPostgres, find_programs

from benchmarks.processes import Served

_CONNECTIONS = 16
_THREADS = 2


class Calibration:
    """Point reads in a table of pgbench's own, in the database of a folder that is served."""

    def __init__(self, folder: Path) -> None:
        """Make the table."""
        self._dsn = EmbeddedPostgres(folder).connection.owner_dsn
        self._pgbench = find_programs()[0] / "pgbench"
        self._run("--initialize", "--quiet", "--scale=1")

    def microseconds(self, served: Served, seconds: int = 1) -> float:
        """Return the CPU that a read takes PostgreSQL, by running some for *seconds*."""
        before = served.cpu_seconds()["postgres"]
        output = self._run(
            "--select-only", "--protocol=prepared", "--no-vacuum", f"--client={_CONNECTIONS}", f"--jobs={_THREADS}",
            f"--time={seconds}",
        )  # fmt: skip
        after = served.cpu_seconds()["postgres"]
        found = re.search(r"transactions actually processed: (\d+)", output)
        if found is None:
            raise ValueError("pgbench did not say how many reads it made")
        return (after - before) / int(found[1]) * 1e6

    def _run(self, *options: str) -> str:
        command = [str(self._pgbench), *options, self._dsn]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own words
