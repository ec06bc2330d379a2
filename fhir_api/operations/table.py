"""Every operation this server has, one line each."""

from __future__ import annotations

from fhir_api.operations import everything, meta, validate_code
from fhir_api.operations.document import document
from fhir_api.operations.expand import expand
from fhir_api.operations.graphql.operation import GRAPHQL_OPERATION
from fhir_api.operations.lastn import lastn
from fhir_api.operations.lookup import lookup
from fhir_api.operations.operation import Operation, declare
from fhir_api.operations.reindex import REINDEX, STATUS
from fhir_api.operations.subsumes import subsumes
from fhir_api.operations.translate import translate
from fhir_api.operations.validate import validate

OPERATIONS: tuple[Operation, ...] = (
    declare("Resource-validate", validate),
    declare("Patient-everything", everything.of_patient),
    declare("Encounter-everything", everything.of_encounter),
    declare("Group-everything", everything.of_group),
    declare("Observation-lastn", lastn, is_search=True),
    declare("Composition-document", document),
    declare("ValueSet-expand", expand),
    declare("ValueSet-validate-code", validate_code.in_value_set),
    declare("CodeSystem-validate-code", validate_code.in_code_system),
    declare("CodeSystem-lookup", lookup),
    declare("CodeSystem-subsumes", subsumes),
    declare("ConceptMap-translate", translate),
    GRAPHQL_OPERATION,
    declare("Resource-meta", meta.meta, has_versions=True),
    declare("Resource-meta-add", meta.meta_add, affects_state=True),
    declare("Resource-meta-delete", meta.meta_delete, affects_state=True),
    REINDEX,
    STATUS,
)
