"""What FHIR adds: ``extension hasValue getValue resolve memberOf subsumes subsumedBy conformsTo htmlChecks``.

Spec: https://hl7.org/fhir/R4/fhirpath.html#functions
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fhir_api.fhirpath import model
from fhir_api.fhirpath import plan as plans
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.narrative import is_narrative
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.functions.scalar import STRING, checked, located
from fhir_api.fhirpath.navigation import member
from fhir_api.fhirpath.plan import BOOLEAN, Plan, Scope, boxed, collection, single, system
from fhir_api.fhirpath.references import resolved
from fhir_api.fhirpath.values import Item, type_of

_DEFINITIONS: Final = "http://hl7.org/fhir/StructureDefinition/"


@function("extension", 1)
def extension(call: Call) -> Plan:
    """The extensions with the url."""
    source = member(call.input, "extension", call.position, is_strict=False)
    url = checked(call, call.argument(0), STRING)
    many = source.many

    def with_url(this: Any, scope: Scope) -> list[Any]:
        wanted = url(this, scope)
        return [item for item in many(this, scope) if (item.value if type(item) is Item else item).get("url") == wanted]

    return collection(with_url, ("Extension",), call.position, is_boxed=source.is_boxed)


@function("hasValue")
def has_value(call: Call) -> Plan:
    """True where the input is one primitive with a value."""
    many = boxed(call.input).many

    def one(this: Any, scope: Scope) -> bool:
        items = many(this, scope)
        return len(items) == 1 and _is_value(items[0])

    return single(one, BOOLEAN)


@function("getValue")
def get_value(call: Call) -> Plan:
    """The System value of the input where it is one primitive with a value."""
    items_of, values = boxed(call.input).many, system(call.input).many

    def one(this: Any, scope: Scope) -> Any:
        items = items_of(this, scope)
        return values(this, scope)[0] if len(items) == 1 and _is_value(items[0]) else None

    return single(one, None)


def _is_value(item: Any) -> bool:
    if type(item) is Item:
        return item.value is not None and model.is_primitive(item.type)
    return type(item) is not dict


@function("resolve", asks_environment=True)
def resolve(call: Call) -> Plan:
    """The resources that the references point to: contained, in the same Bundle, or given by the resolver."""
    many = boxed(call.input).many

    def resources(this: Any, scope: Scope) -> list[Any]:
        found = (resolved(_reference(item), scope) for item in many(this, scope))
        return [resource for resource in found if resource is not None]

    plan = collection(resources, None, call.position)
    return replace(plan, is_single=call.input.is_single)


def _reference(item: Any) -> str | None:
    value = item.value if type(item) is Item else item
    reference = value.get("reference") if type(value) is dict else value
    return reference if type(reference) is str else None


@function("memberOf", 1, asks_environment=True)
def member_of(call: Call) -> Plan:
    """True where the code, Coding or CodeableConcept is in the value set; empty where that cannot be told."""
    coded, value_set = call.input.one, checked(call, call.argument(0), STRING)

    def one(this: Any, scope: Scope) -> bool | None:
        item, url = coded(this, scope), value_set(this, scope)
        if item is None or url is None:
            return None
        return _terminology(scope, call).member_of(url, _json(item))

    return single(one, BOOLEAN)


def _subsumption(name: str, *, is_general: bool) -> None:
    @function(name, 1, asks_environment=True)
    def build(call: Call) -> Plan:
        left, right = call.input.one, call.argument(0).one

        def one(this: Any, scope: Scope) -> bool | None:
            item, other = left(this, scope), right(this, scope)
            if item is None or other is None:
                return None
            pair = (_json(item), _json(other)) if is_general else (_json(other), _json(item))
            return _terminology(scope, call).subsumes(*pair)

        return single(one, BOOLEAN)


_subsumption("subsumes", is_general=True)
_subsumption("subsumedBy", is_general=False)


def _json(item: Any) -> Any:
    return item.value if type(item) is Item else item


def _terminology(scope: Scope, call: Call) -> plans.Terminology:
    terminology = scope.environment.terminology
    if terminology is None:
        raise FhirPathEvaluationError(f"{call.name}() needs a terminology service", call.position)
    return terminology


@function("conformsTo", 1, asks_environment=True)
def conforms_to(call: Call) -> Plan:
    """True where the item conforms to the profile; an error for a profile that is not known."""
    subject, profile = boxed(call.input).one, checked(call, call.argument(0), STRING)

    def one(this: Any, scope: Scope) -> bool | None:
        item, url = subject(this, scope), profile(this, scope)
        if item is None or url is None:
            return None
        return _conforms(item, url, scope)

    return single(located(one, call.position), BOOLEAN)


def _conforms(item: Any, url: str, scope: Scope) -> bool:
    type_name = url.removeprefix(_DEFINITIONS)
    if type_name != url and model.has_type(type_name):
        return model.is_subtype(type_of(item), type_name)
    check = scope.environment.conforms_to
    answer = None if check is None else check(_json(item), url)
    if answer is None:
        raise FhirPathEvaluationError("conformsTo() expected a known profile")
    return answer


@function("htmlChecks")
def html_checks(call: Call) -> Plan:
    """True where the narrative has only the elements and attributes that FHIR allows, and some content."""
    text = checked(call, call.input, STRING)

    def one(this: Any, scope: Scope) -> bool | None:
        narrative = text(this, scope)
        return None if narrative is None else is_narrative(narrative)

    return single(one, BOOLEAN)
