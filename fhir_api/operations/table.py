"""Every operation this server has, one line each."""

from __future__ import annotations

from fhir_api.operations.meta import meta
from fhir_api.operations.operation import Level, Operation, declare

OPERATIONS: tuple[Operation, ...] = (
    declare("Resource-meta", meta, has_versions=True, without=frozenset({Level.SYSTEM, Level.TYPE})),
)
