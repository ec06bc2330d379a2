"""What ``stanforis audit months``, ``retire`` and ``read`` do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import orjson
from rich.console import Console
from rich.progress import Progress

from stanforis.audit import Trail, Who, administered
from stanforis.audit.archives import ArchiveError, read_archive
from stanforis.audit.retiring import Month, Retirement, RetirementError
from stanforis.cli import databases
from stanforis.cli.auditing import COUNTING, AuditCommandError, audit_key_of, opened, told
from stanforis.settings import Settings

_HOLDER = "stanforis audit"
_MEBI = 1_048_576
_MONTHS = """
SELECT to_char(to_timestamp((m.first >> 20) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
       pg_total_relation_size(b.name) + pg_total_relation_size(t.name) AS bytes
FROM audit.month m
CROSS JOIN LATERAL (SELECT to_char(to_timestamp((m.first >> 20) / 1000) AT TIME ZONE 'UTC', 'YYYY_MM')) n (name)
CROSS JOIN LATERAL (SELECT to_regclass('audit.batch_' || n.name)) b (name)
CROSS JOIN LATERAL (SELECT to_regclass('audit.term_' || n.name)) t (name)
ORDER BY m.first
"""


def months(settings: Settings, *, as_json: bool = False) -> None:
    """Tell the months that the trail has, and what they take on disk."""

    async def run(owner_dsn: str) -> list[asyncpg.Record]:
        owner = await asyncpg.connect(owner_dsn)
        try:
            return await owner.fetch(_MONTHS)
        finally:
            await owner.close()

    with databases.reached(settings, _HOLDER) as database:
        rows = asyncio.run(run(database.settings.database_url))
    console = Console(highlight=False)
    for month, size in rows:
        line = (
            orjson.dumps({"month": month, "bytes": size}).decode() if as_json else f"{month}  {size / _MEBI:,.1f} MiB"
        )
        console.print(line)
    if not rows:
        Console(stderr=True).print("The trail has no months yet: the server makes them when it starts.")


def retire(settings: Settings, text: str, folder: Path | None) -> None:
    """Remove a month, with a copy of each tenant's records in *folder*, and tell what was done.

    Raises:
        AuditCommandError: *text* is no month, or it cannot be removed.
    """
    month = Month.read(text)
    if month is None:
        raise AuditCommandError(f"'{text}' is no month: expected is a year and a month, such as 2026-08.")
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with databases.reached(settings, _HOLDER) as database:
        try:
            found, copies = asyncio.run(_retire(database.settings, month, folder))
        except (RetirementError, OSError) as error:
            raise AuditCommandError(str(error)) from error
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{month} is removed: {sum(found.values()):,} batches of {len(found):,} tenants.")
    for path in copies:
        console.print(f"copied to {path}")


async def _retire(settings: Settings, month: Month, folder: Path | None) -> tuple[dict[int, int], list[Path]]:
    key = audit_key_of(settings)
    owner = await asyncpg.connect(settings.database_url)
    try:
        async with opened(settings) as trails:
            retirement = Retirement(owner, trails.store, key, folder)
            with Progress(*COUNTING, console=Console(stderr=True)) as shown:
                task = shown.add_task("looked at", total=None)
                found = await retirement.retire(month, lambda count: shown.advance(task, count))
            found = {tenant: count for tenant, count in found.items() if count}
            record = administered("audit-retire", [f"urn:stanforis:audit:{month}"], who=Who(client="stanforis-cli"))
            trail = Trail(trails.store, key, keeps=settings.audit != "off")
            for tenant in found:
                await trail.for_tenant(tenant).store(record)
            return found, retirement.copied
    finally:
        await owner.close()


def read(settings: Settings, path: Path) -> None:
    """Tell the records of a copy as JSON, one a line, verified.

    Raises:
        AuditCommandError: it is no copy of this installation's trail, or was changed.
    """
    console = Console(highlight=False, soft_wrap=True)
    try:
        for found in read_archive(path, audit_key_of(settings)):
            console.out(told(found), highlight=False)
    except (ArchiveError, OSError) as error:
        raise AuditCommandError(str(error)) from error
