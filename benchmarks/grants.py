"""What living grants take on disk, as they are made and after each was refreshed.

    python -m benchmarks.grants [--grants N] [--pairs N] [--json]

Rows are written by the database itself, as fast as it can; a refresh rewrites a row as a client's refresh does.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psycopg
from stanforis.storage.embedded import EmbeddedPostgres

from identity.access.store import migrations

_PAIRS = """
INSERT INTO access.pair (tenant_id, client_id, user_id)
SELECT 1, 'client-of-22-characters', 'user-of-22-characters-' || n FROM generate_series(1, %(pairs)s) n
"""
# As ids are made: milliseconds of grants that follow one another, and random bits below.
_GRANTS = """
INSERT INTO access.family
SELECT (1795446000000 + n) << 22 | (random() * 4194303)::bigint, gen_random_uuid(), (random() * 2147483647)::integer,
       1, 1 + n %% %(pairs)s, 1803222000
FROM generate_series(%(from)s::bigint, %(to)s) n
"""
_BATCH = 250_000
_PARTS = 100
_REFRESH = "UPDATE access.family SET current = gen_random_uuid() WHERE low %% %(parts)s = %(part)s"
_SIZES = """
SELECT pg_total_relation_size('access.family') AS whole, pg_indexes_size('access.family') AS indexes,
       pg_total_relation_size('access.pair') AS pairs
"""


def measure(grants: int, pairs: int) -> dict[str, float]:
    """Return bytes for each of so many *grants*, which *pairs* of people and apps have."""
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as cluster:
        migrations.upgrade(cluster.connection.owner_dsn)
        with psycopg.connect(cluster.connection.owner_dsn, autocommit=True) as connection:
            for table in ("family", "pair"):
                connection.execute(f"ALTER TABLE access.{table} DISABLE ROW LEVEL SECURITY")
            connection.execute(_PAIRS, {"pairs": pairs})
            for begin in range(1, grants + 1, _BATCH):
                end = min(begin + _BATCH - 1, grants)
                connection.execute(_GRANTS, {"from": begin, "to": end, "pairs": pairs})
            made = _sizes(connection)
            # A grant is refreshed every few minutes to hours, whichever comes: a hundredth of them at a time.
            for part in range(_PARTS):
                connection.execute(_REFRESH, {"parts": _PARTS, "part": part})
            refreshed = _sizes(connection)
    return {
        "grants": grants,
        "bytes_each": made["whole"] / grants,
        "of_them_index": made["indexes"] / grants,
        "bytes_each_refreshed": refreshed["whole"] / grants,
        "bytes_of_a_pair": made["pairs"] / pairs,
    }


def _sizes(connection: psycopg.Connection) -> dict[str, int]:
    cursor = connection.execute(_SIZES)
    row = cursor.fetchone()
    if row is None or cursor.description is None:
        raise SystemExit("no sizes")
    return {column.name: value for column, value in zip(cursor.description, row, strict=True)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grants", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=100_000, help="of people and apps")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = measure(options.grants, options.pairs)
    if options.json:
        print(orjson.dumps(found).decode())
        return
    for name, value in found.items():
        print(f"{name}: {value:,.1f}")


if __name__ == "__main__":
    main()
