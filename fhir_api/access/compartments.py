"""What belongs to a patient, a practitioner or a device, as far as access is concerned.

R4 leaves some types out of every compartment. Of those, what points at the patient belongs to the patient; what holds
nothing about any person (:data:`SHARED`) may be read with any patient's record; the rest belongs to nobody.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhir_api.access.clauses import some
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import EVERYTHING, NOTHING, Clause, IdClause, ReferenceValue, ValueClause

SHARED: Final = frozenset(
    {
        "ActivityDefinition",
        "CapabilityStatement",
        "CatalogEntry",
        "ChargeItemDefinition",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "DeviceDefinition",
        "Endpoint",
        "EventDefinition",
        "ExampleScenario",
        "GraphDefinition",
        "HealthcareService",
        "ImplementationGuide",
        "InsurancePlan",
        "Library",
        "Location",
        "Measure",
        "Medication",
        "MedicationKnowledge",
        "MessageDefinition",
        "NamingSystem",
        "ObservationDefinition",
        "OperationDefinition",
        "Organization",
        "OrganizationAffiliation",
        "PlanDefinition",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "SearchParameter",
        "Slot",
        "SpecimenDefinition",
        "StructureDefinition",
        "StructureMap",
        "Substance",
        "TerminologyCapabilities",
        "ValueSet",
    }
)
"""Types that say nothing about patients and that every record refers to."""

READING: Final = "rs"
"""Letters of interactions that only read."""
_POINTERS: Final = ("patient", "subject")


def within(definitions: SearchDefinitions, centre: str, logical_id: str, resource_type: str, letter: str) -> Clause:
    """Return what holds for resources of a type that may be reached with ``centre/logical_id``.

    Args:
        definitions: the search parameters.
        centre: the type at the compartment's centre.
        logical_id: of the resource there.
        resource_type: what is looked at.
        letter: what is done, out of ``cruds``: what is shared may only be read.
    """
    if resource_type in SHARED:
        return EVERYTHING if letter in READING else NOTHING
    return belonging(definitions, centre, (logical_id,), resource_type)


def belonging(definitions: SearchDefinitions, centre: str, ids: Sequence[str], resource_type: str) -> Clause:
    """Return what holds for resources of a type that belong to one of several centres of compartments."""
    if resource_type == centre:
        # not those that merely link to it: whoever may write one could bring it in
        return IdClause(tuple(ids))
    value = ReferenceValue(tuple(f"{centre}/{logical_id}" for logical_id in ids))
    inside = definitions.compartment(centre, resource_type)
    parameters = (definitions.parameter(resource_type, code) for code in inside or (*_POINTERS, centre.lower()))
    return some(
        ValueClause(each, None, (value,))
        for each in parameters
        if each is not None and (inside or centre in each.targets)
    )
