"""External constants: ``%resource %context %ucum %vs-… %ext-…`` and those the environment brings.

Spec: https://hl7.org/fhirpath/N1/#environment-variables, https://hl7.org/fhir/R4/fhirpath.html#variables
"""

from __future__ import annotations

from typing import Any, Final

from fhir_api.fhirpath import model
from fhir_api.fhirpath.errors import FhirPathEvaluationError, Position
from fhir_api.fhirpath.numbers import decimal_from
from fhir_api.fhirpath.plan import STRING, Many, Plan, Scope, collection, constant, single
from fhir_api.fhirpath.quantity import UCUM_SYSTEM

_URLS: Final = {"ucum": UCUM_SYSTEM, "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
_PREFIXES: Final = {
    "vs-": "http://hl7.org/fhir/ValueSet/",
    "ext-": "http://hl7.org/fhir/StructureDefinition/",
}


def external_constant(name: str, position: Position, root_type: str | None) -> Plan:
    """Return the plan of ``%name``; *root_type* is the type of ``%context``."""
    if name in _URLS:
        return constant((_URLS[name],), STRING)
    for prefix, url in _PREFIXES.items():
        if name.startswith(prefix):
            return constant((url + name.removeprefix(prefix),), STRING)
    if name == "context":
        is_boxed = root_type is None or model.is_abstract(root_type)
        return single(lambda _this, scope: scope.context, None if is_boxed else (str(root_type),), is_boxed=is_boxed)
    if name == "resource":
        return single(lambda _this, scope: scope.resource, None)
    if name == "rootResource":
        return single(lambda _this, scope: scope.root_resource, None)
    return collection(_variable(name, position), None, position)


def _variable(name: str, position: Position) -> Many:
    def many(_this: Any, scope: Scope) -> list[Any]:
        if name in scope.variables:
            return scope.variables[name]
        given = scope.environment.variables
        if given is None or name not in given:
            raise FhirPathEvaluationError(f"There is no variable '%{name}'", position)
        value = given[name]
        values = value if type(value) is list else [] if value is None else [value]
        return [decimal_from(one) if type(one) is float else one for one in values]

    return many
