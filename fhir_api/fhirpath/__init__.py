"""FHIRPath over R4 resources: ``fhirpath.compile("Patient.name.given")(patient)``.

Spec: https://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpath.html
"""

from fhir_api.fhirpath.budget import Budget
from fhir_api.fhirpath.errors import (
    FhirPathBudgetError,
    FhirPathError,
    FhirPathEvaluationError,
    FhirPathSemanticError,
    FhirPathSyntaxError,
    Position,
)
from fhir_api.fhirpath.expressions import Compiled, compile  # noqa: A004 - read as fhirpath.compile
from fhir_api.fhirpath.plan import Environment, Terminology
from fhir_api.fhirpath.quantity import Quantity
from fhir_api.fhirpath.references import typed_only
from fhir_api.fhirpath.temporal import Date, DateTime, Time
from fhir_api.fhirpath.values import Item, TypeInfo, type_of

__all__ = [
    "Budget",
    "Compiled",
    "Date",
    "DateTime",
    "Environment",
    "FhirPathBudgetError",
    "FhirPathError",
    "FhirPathEvaluationError",
    "FhirPathSemanticError",
    "FhirPathSyntaxError",
    "Item",
    "Position",
    "Quantity",
    "Terminology",
    "Time",
    "TypeInfo",
    "compile",
    "type_of",
    "typed_only",
]
