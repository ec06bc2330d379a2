"""Every operation this server has, one line each."""

from __future__ import annotations

from fhir_api.operations import everything
from fhir_api.operations.meta import meta
from fhir_api.operations.operation import Level, Operation, declare

OPERATIONS: tuple[Operation, ...] = (
    declare("Patient-everything", everything.of_patient),
    declare("Encounter-everything", everything.of_encounter),
    declare("Group-everything", everything.of_group),
    declare("Resource-meta", meta, has_versions=True, without=frozenset({Level.SYSTEM, Level.TYPE})),
)
