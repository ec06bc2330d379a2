"""What a tenant's own search parameters add to the index, as one process knows it.

Reasons: docs/decisions/0009-search-parameters-of-tenants.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

import asyncpg
import msgspec
import orjson

from conformance.search_parameters import SearchParameterDefinition
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.tenant import OwnExtractor
from fhir_api.store.parameters import Job, OwnParameter, OwnParameters
from fhir_api.store.postgres.encode import Codes, Encoder, IndexRows
from fhir_api.store.postgres.session import fenced

STALE: Final = "SP001"
"""SQLSTATE of a write whose process does not know the tenant's parameters as they are now."""

PRESENCE: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("date",),
    "number": ("quantity",),
    "quantity": ("quantity",),
    "string": ("string",),
    "uri": ("string",),
    "token": ("string",),
    "reference": ("reference", "string"),
    "composite": ("string",),
}
"""Tables in which an own parameter of a type has a row if it has a value: those that are read by resource as well.

R4's parameters have a bit in ``resource.present``; those of own parameters would move whenever one comes or goes. Where
no table tells by resource, an empty text among the strings says that there is something.
"""

_JOB = (
    "jsonb_build_array(j.job, j.kind, j.title, j.state, j.seen, j.total, j.parameters, j.reason, j.created, j.finished)"
)
LOAD = fenced(
    "x.generation, x.parameters, x.jobs",
    "SELECT coalesce((SELECT s.generation FROM fhir.parameter_state s WHERE s.tenant_id = c.tenant), 0) AS generation, "
    "(SELECT jsonb_agg(jsonb_build_array(p.number, p.source, p.source_version, p.state, p.definition, p.reason, "
    "r.version = p.source_version AND r.change <> 3) ORDER BY p.number)::text FROM fhir.search_parameter p "
    "LEFT JOIN fhir.resource r ON r.tenant_id = c.tenant AND r.rid = p.source "
    "WHERE p.tenant_id = c.tenant) AS parameters, "
    f"(SELECT jsonb_agg({_JOB} ORDER BY j.job)::text FROM fhir.reindex_job j "
    "WHERE j.tenant_id = c.tenant AND j.finished IS NULL) AS jobs OFFSET 0",
)
JOBS = fenced(
    "x.job",
    f"SELECT {_JOB}::text AS job FROM fhir.reindex_job j WHERE j.tenant_id = c.tenant "
    "AND ($2::bigint IS NULL OR j.job = $2) ORDER BY j.job DESC LIMIT 100",
)


def loaded(rows: Sequence[asyncpg.Record]) -> OwnParameters:
    """Return the one row of :data:`LOAD`."""
    row = rows[0]
    parameters = orjson.loads(row["parameters"] or "[]")
    jobs = orjson.loads(row["jobs"] or "[]")
    return OwnParameters(row["generation"], tuple(map(_parameter, parameters)), tuple(map(job, jobs)))


def _parameter(row: Sequence[Any]) -> OwnParameter:
    number, source, source_version, state, definition, reason, is_current = row
    decoded = msgspec.json.decode(definition, type=SearchParameterDefinition)
    return OwnParameter(number, source, source_version, state, decoded, reason, bool(is_current))


def job(row: Sequence[Any]) -> Job:
    """Return a job as the statements here give it."""
    number, kind, title, state, done, total, parameters, reason, created, finished = row
    return Job(number, kind, title, state, done, total, tuple(parameters), reason, created, finished)


@dataclass(frozen=True, slots=True)
class Own:
    """What is indexed beside R4's parameters.

    Attributes:
        generation: of the set of parameters.
        extractor: gives their entries.
    """

    generation: int
    extractor: OwnExtractor

    @classmethod
    def of(cls, parameters: OwnParameters, base: SearchDefinitions, zone: tzinfo) -> Own:
        """Return what is indexed of *parameters*."""
        return cls(parameters.generation, OwnExtractor(base, parameters.indexed, zone))

    def rows(self, encoder: Encoder, resource_type: str, body: bytes, rid: int, low: int, codes: Codes) -> IndexRows:
        """Return the rows of the resource *rid* with *body*, whose primary clinical date is *low*."""
        entries = self.extractor.extract(resource_type, orjson.loads(body))
        entries.low = low
        rows = encoder.rows(entries, rid, codes)
        present = {entry.parameter for entry in entries.references if not entry.target}
        present.update(entry.parameter for entry in entries.tokens)
        present.update(entry.parameter for entry in entries.identifiers)
        present.update(entry.parameter for entry in entries.composites)
        rows.string += [(parameter, "", 0, rid) for parameter in sorted(present)]
        return rows


NONE: Final = Own(0, OwnExtractor(SearchDefinitions(()), (), UTC))
"""Of a tenant that has no parameters of its own."""
