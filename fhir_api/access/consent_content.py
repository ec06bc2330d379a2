"""What resources a provision of a consent is about: classes, codes, labels and instances, as clauses.

There are two answers: what surely matches, which is what may be given, and what may match, which is withheld.

Spec: https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision.code
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from conformance.types import resource_types
from fhir_api.access.clauses import every, never, some
from fhir_api.access.consents import Coding, Instance, Provision
from fhir_api.access.hierarchies import NORMAL, above, is_confidentiality, up_to, with_below
from fhir_api.access.labels import CONFIDENTIALITY
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import parse_restful
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import (
    EVERYTHING,
    NOTHING,
    Clause,
    IdClause,
    MissingClause,
    Parameter,
    ReferenceValue,
    TokenValue,
    ValueClause,
)

_WHAT: Final = ("code", "vaccine-code", "vaccine-type", "event", "finding-code")
"""Search parameters on the element that says what a resource is; without it, nobody can tell what it is not."""
_UNTOLD: Final = frozenset(
    {
        "Binary",
        "Bundle",
        "Claim",
        "ClaimResponse",
        "ClinicalImpression",
        "Communication",
        "CommunicationRequest",
        "Contract",
        "CoverageEligibilityRequest",
        "CoverageEligibilityResponse",
        "DeviceUseStatement",
        "ExplanationOfBenefit",
        "Flag",
        "Goal",
        "GuidanceResponse",
        "Media",
        "MolecularSequence",
        "Parameters",
        "QuestionnaireResponse",
        "RiskAssessment",
        "SupplyDelivery",
        "SupplyRequest",
        "VisionPrescription",
    }
)
"""Types that tell of somebody's health by codes which no search parameter looks at."""
_BESIDE: Final = frozenset({"_security", "_tag", "security-label"})
_CODED: Final = frozenset({"CodeableConcept", "Coding"})
_NO_CODE: Final = TokenValue(None, "")
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"


class Content(NamedTuple):
    """Resources of a type: those that surely match, and all that may."""

    sure: Clause
    maybe: Clause


_ALL: Final = Content(EVERYTHING, EVERYTHING)
_NONE: Final = Content(NOTHING, NOTHING)
_UNSURE: Final = Content(NOTHING, EVERYTHING)


def content(definitions: SearchDefinitions, provision: Provision, resource_type: str) -> Content:
    """Return what holds for the resources of a type that *provision*, without its exceptions, is about."""
    parts = [_ALL if provision.is_whole else _UNSURE]
    if provision.classes:
        parts.append(_either(_classed(each, resource_type) for each in provision.classes))
    if provision.codes:
        parts.append(_coded(definitions, resource_type, provision.codes))
    if provision.labels:
        parts.append(_labelled(definitions, resource_type, provision))
    if provision.instances:
        parts.append(_either(_named(definitions, resource_type, each) for each in provision.instances))
    return Content(every(each.sure for each in parts), every(each.maybe for each in parts))


def _either(found: Iterable[Content]) -> Content:
    parts = tuple(found)
    return Content(some(each.sure for each in parts), some(each.maybe for each in parts))


def _classed(coding: Coding, resource_type: str) -> Content:
    """Tell whether a type is of a class; a profile or a kind of document may be of any type."""
    name = coding.code.removeprefix(_PROFILE)
    if name not in resource_types():
        return _UNSURE
    return _ALL if name == resource_type else _NONE


def _coded(definitions: SearchDefinitions, resource_type: str, codings: Sequence[Coding]) -> Content:
    """Return what holds where one of the codes is found, in whatever element can be searched."""
    values = tuple(_token(each) for each in codings if each.code)
    known = definitions.parameters(resource_type)
    found = some(ValueClause(each, None, values) for each in _coded_parameters(known.values()) if values)
    if len(values) < len(codings) or resource_type in _UNTOLD:
        return Content(found, EVERYTHING)
    return Content(found, some((found, *(_untold(known[code]) for code in _WHAT if code in known))))


def _untold(parameter: Parameter) -> Clause:
    """Return what holds for resources that say in words only what they are, or not at all."""
    return some((MissingClause(parameter, missing=True), ValueClause(parameter, None, (_NO_CODE,))))


def _coded_parameters(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    return (
        each
        for each in parameters
        if each.type == "token" and each.code not in _BESIDE and _CODED.intersection(each.element_types)
    )


def _token(coding: Coding) -> TokenValue:
    return TokenValue(coding.system, coding.code, any_system=coding.system is None)


def _labelled(definitions: SearchDefinitions, resource_type: str, provision: Provision) -> Content:
    """Return what holds for resources with all of the labels, or with one of them."""
    parameter = definitions.parameter(resource_type, "_security")
    if parameter is None:
        return _UNSURE
    parts = [_label(parameter, each, denies=provision.denies) for each in provision.labels]
    return Content(every(each.sure for each in parts), some(each.maybe for each in parts))


def _label(parameter: Parameter, label: Coding, *, denies: bool) -> Content:
    """Return what holds for resources with a label.

    What is given up to a level of confidentiality is not given above, what is withheld at it is withheld above as well.
    Whatever has no level may be of the normal one.
    """
    code = label.code
    if not code:
        return _UNSURE
    if label.system not in (None, CONFIDENTIALITY) or not is_confidentiality(code):
        found = _bears(parameter, label.system, sorted(with_below(code)))
        return Content(found, found)
    higher = above(code)
    withheld = EVERYTHING if code in up_to(NORMAL) else _bears(parameter, CONFIDENTIALITY, (code, *higher))
    if denies:
        return Content(withheld, withheld)
    beyond = _bears(parameter, CONFIDENTIALITY, higher) if higher else NOTHING
    given = every((_bears(parameter, CONFIDENTIALITY, up_to(code)), never(beyond)))
    return Content(given, some((given, withheld)))


def _bears(parameter: Parameter, system: str | None, codes: Sequence[str]) -> Clause:
    return ValueClause(parameter, None, tuple(_token(Coding(system, code)) for code in codes))


def _named(definitions: SearchDefinitions, resource_type: str, instance: Instance) -> Content:
    """Return what holds for a resource that is named, or for those that have to do with it."""
    found = parse_restful(instance.reference)
    if found is None or found.base is not None:
        return _UNSURE
    key = found.key
    itself: Clause = IdClause((key.logical_id,)) if key.resource_type == resource_type else NOTHING
    match instance.meaning:
        case "instance":
            return Content(itself, itself)
        case "dependents":
            return Content(itself, some((itself, _pointing(definitions, resource_type, key))))
        case "authoredby":
            return Content(NOTHING, _pointing(definitions, resource_type, key))
        case _:
            return Content(itself, EVERYTHING)


def _pointing(definitions: SearchDefinitions, resource_type: str, key: ResourceKey) -> Clause:
    """Return what holds for resources of a type that point at *key*, by whatever element can be searched."""
    value = ReferenceValue((str(key),))
    known = definitions.parameters(resource_type).values()
    return some(
        ValueClause(each, None, (value,))
        for each in known
        if each.type == "reference" and not each.is_canonical and key.resource_type in each.targets
    )
