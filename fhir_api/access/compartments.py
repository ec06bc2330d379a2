"""What belongs to a patient, a practitioner or a device, as far as access is concerned.

R4 leaves some types out of every compartment. Of those, what points at the patient belongs to the patient; what holds
nothing about any person (:data:`SHARED`) may be read with any patient's record; the rest belongs to nobody.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fhir_api.access.clauses import every, some
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import EVERYTHING, NOTHING, Clause, IdClause, MissingClause, ReferenceValue, ValueClause

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


class Centres(NamedTuple):
    """Resources at the centres of compartments.

    Attributes:
        resource_type: of all of them.
        themselves: holds for them.
        pointed_at: what points at one of them.
    """

    resource_type: str
    themselves: IdClause
    pointed_at: ReferenceValue

    @classmethod
    def of(cls, resource_type: str, ids: Sequence[str]) -> Centres:
        """Return those with the logical *ids*."""
        pointed_at = ReferenceValue(tuple(f"{resource_type}/{logical_id}" for logical_id in ids))
        return cls(resource_type, IdClause(tuple(ids)), pointed_at)


def within(definitions: SearchDefinitions, centre: str, logical_id: str, resource_type: str, letter: str) -> Clause:
    """Return what holds for resources of a type that may be reached with ``centre/logical_id``.

    Args:
        definitions: the search parameters.
        centre: the type at the compartment's centre.
        logical_id: of the resource there.
        resource_type: what is looked at.
        letter: what is done, out of ``cruds``: what is shared, or about somebody else, may only be read.
    """
    if resource_type in SHARED:
        return EVERYTHING if letter in READING else NOTHING
    inside = belonging(definitions, Centres.of(centre, (logical_id,)), resource_type)
    if letter in READING or resource_type == centre:
        return inside
    return every((inside, *_about_nobody_else(definitions, f"{centre}/{logical_id}", resource_type)))


def _about_nobody_else(definitions: SearchDefinitions, reference: str, resource_type: str) -> Iterator[Clause]:
    """Yield that each element which says whom a resource is about says nobody or *reference*.

    R4 puts what a patient performed or authored into their record as well; it stands in that of its subject.
    """
    for code in _POINTERS:
        parameter = definitions.parameter(resource_type, code)
        if parameter is not None and reference.partition("/")[0] in parameter.targets:
            yield some(
                (MissingClause(parameter, missing=True), ValueClause(parameter, None, (ReferenceValue((reference,)),)))
            )


def belonging(definitions: SearchDefinitions, centres: Centres, resource_type: str) -> Clause:
    """Return what holds for resources of a type that belong to one of several centres of compartments."""
    centre = centres.resource_type
    if resource_type == centre:
        # not those that merely link to it: whoever may write one could bring it in
        return centres.themselves
    inside = definitions.compartment(centre, resource_type)
    parameters = (definitions.parameter(resource_type, code) for code in inside or (*_POINTERS, centre.lower()))
    return some(
        ValueClause(each, None, (centres.pointed_at,))
        for each in parameters
        if each is not None and (inside or centre in each.targets)
    )
