"""Which packages a tenant has, and whether its definitions changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from fhir_api.model.keys import ResourceKey
from fhir_api.store.port import DefinitionsState, PackageRecord
from fhir_api.store.postgres.session import TENANT, fenced

STATE = fenced(
    "x.generation, x.profiles",
    "SELECT (SELECT g.generation FROM fhir.definitions_state g WHERE g.tenant_id = c.tenant) AS generation, "
    "(SELECT t.profiles FROM fhir.tenant t WHERE t.tenant_id = c.tenant) AS profiles OFFSET 0",
)

_COLUMNS = "name, version, canonical, dependencies, digest, complete, added_at, resources"

RECORDS = fenced(
    ", ".join(f"x.{column}" for column in _COLUMNS.split(", ")),
    f"SELECT {_COLUMNS} FROM fhir.package p WHERE p.tenant_id = c.tenant ORDER BY p.name, p.version OFFSET 0",
)

# Both run inside a transaction whose context is in force.
RECORD = (
    f"INSERT INTO fhir.package (tenant_id, {_COLUMNS}) VALUES ({TENANT}, $2, $3, $4, $5, $6, $7, $8, $9) "
    "ON CONFLICT (tenant_id, name, version) DO UPDATE SET canonical = excluded.canonical, "
    "dependencies = excluded.dependencies, digest = excluded.digest, complete = excluded.complete, "
    "added_at = excluded.added_at, resources = excluded.resources"
)
FORGET = f"DELETE FROM fhir.package WHERE tenant_id = {TENANT} AND name = $2 AND version = $3"


def state(rows: Sequence[asyncpg.Record]) -> DefinitionsState:
    """Return the one row of :data:`STATE`."""
    return DefinitionsState(rows[0]["generation"] or 0, rows[0]["profiles"])


def records(rows: Iterable[asyncpg.Record]) -> list[PackageRecord]:
    """Return rows of :data:`RECORDS`."""
    return [
        PackageRecord(
            row["name"],
            row["version"],
            row["canonical"],
            tuple(row["dependencies"]),
            row["digest"],
            row["complete"],
            row["added_at"],
            tuple(map(_reference, row["resources"])),
        )
        for row in rows
    ]


def arguments(record: PackageRecord) -> list[Any]:
    """Return what :data:`RECORD` takes after the tenant."""
    return [
        record.name,
        record.version,
        record.canonical,
        list(record.dependencies),
        record.digest,
        record.complete,
        record.added_at,
        [f"{key}/_history/{version_id}" for key, version_id in record.resources],
    ]


def _reference(text: str) -> tuple[ResourceKey, int]:
    resource_type, logical_id, _, version_id = text.split("/")
    return ResourceKey(resource_type, logical_id), int(version_id)
