"""Where extensions may stand.

Spec: https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from conformance.types import is_subtype, nodes
from fhir_api import fhirpath
from fhir_api.fhirpath import FhirPathError, Item, model
from fhir_api.validation.profiles.elements import CHOICE
from fhir_api.validation.profiles.merging import TYPE_PREFIX
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Json, Run

_CANONICAL_RESOURCES: Final = ("CodeSystem", "ValueSet", "OperationDefinition", "SearchParameter", "ElementDefinition")
AMENDED: Final[Mapping[str, tuple[str, ...]]] = {
    f"{TYPE_PREFIX}structuredefinition-fhir-type": ("ElementDefinition.type",),
    f"{TYPE_PREFIX}regex": ("ElementDefinition.type",),
    f"{TYPE_PREFIX}structuredefinition-normative-version": _CANONICAL_RESOURCES,
    f"{TYPE_PREFIX}valueset-concept-comments": ("CodeSystem.concept",),
}
"""Elements where R4's own definitions have extensions whose context leaves these out, by url."""


class Holder(NamedTuple):
    """An element that may have extensions, and the elements around it in the same resource.

    Attributes:
        above: the element that holds it; None for a resource.
        name: its name in a path: ``value[x]``; of a resource its type.
        kind: its FHIR type; of a backbone element the node.
        value: JSON; of a primitive the companion.
        place: where it stands.
    """

    above: Holder | None
    name: str
    kind: str
    value: dict[str, Json]
    place: Place


@cache
def held(kind: str) -> Mapping[str, tuple[str, str]]:
    """Return the elements of a type that can have extensions, by JSON property: name in paths, and type."""
    found: dict[str, tuple[str, str]] = {}
    for element in nodes()[kind].elements if kind in nodes() else ():
        name = element.path.rpartition(".")[2]
        for key, each in element.json_names().items():
            found[f"_{key}" if model.is_primitive(each.code) else key] = (name, each.code)
    return found


def is_in_context(context: Mapping[str, Any], holder: Holder, run: Run) -> bool:
    """Tell whether an element is one that a ``StructureDefinition.context`` allows."""
    expression = context.get("expression", "")
    match context.get("type"):
        case "element":
            return expression == "Element" or _is_element(expression, holder)
        case "extension":
            return _is_extension(expression, holder)
        case "fhirpath":
            return _is_selected(expression, holder, run)
    return False


def _is_element(expression: str, holder: Holder) -> bool:
    path = expression.rpartition("#")[2].removeprefix(TYPE_PREFIX)
    names = [step.partition(":")[0] for step in path.split(".")]
    around: Holder | None = holder
    for count in range(len(names), 0, -1):
        if around is None:
            return False
        if _is_of(around.kind, ".".join(names[:count])):
            return True
        if names[count - 1] not in (around.name, around.name.removesuffix(CHOICE)):
            return False
        around = around.above
    return False


def _is_of(kind: str, type_name: str) -> bool:
    if type_name == "CanonicalResource":
        # newer extensions name this pattern, which R4's resources follow without being derived from it
        return kind in nodes() and {"url", "version", "status"} <= {element.name for element in nodes()[kind].elements}
    return kind == type_name or is_subtype(kind, type_name)


def _is_extension(expression: str, holder: Holder) -> bool:
    """Tell whether an element is an extension of that url, a part of one (``url#code``), or the value of one."""
    if holder.kind != "Extension":
        return holder.above is not None and holder.above.kind == "Extension" and _is_extension(expression, holder.above)
    url, _, inner = expression.partition("#")
    if not inner:
        return bool(holder.value.get("url") == url)
    above = holder.above
    return holder.value.get("url") == inner and above is not None and above.value.get("url") == url


def _is_selected(expression: str, holder: Holder, run: Run) -> bool:
    try:
        found = fhirpath.compile(expression, is_bounded=True).items(run.resource, run.environment)
    except FhirPathError:
        return True  # what cannot be evaluated allows nothing to be told
    return any(each is holder.value or (type(each) is Item and _is_it(each, holder)) for each in found)


def _is_it(item: Item, holder: Holder) -> bool:
    return item.value is holder.value or (item.element is not None and item.element is holder.value)


Invariant = Callable[[Holder, Json, Run], bool]


def context_invariant(expression: str) -> Invariant:
    """Return the test whether an element that holds an extension keeps a ``contextInvariant``."""

    def is_kept(holder: Holder, extension: Json, run: Run) -> bool:
        environment = run.environment_with({"extension": Item(extension, "Extension")})
        value = Item(None, holder.kind, holder.value) if model.is_primitive(holder.kind) else holder.value
        try:
            return (
                fhirpath.compile(expression, type_name=holder.kind, is_bounded=True).boolean(value, environment)
                is not False
            )
        except FhirPathError:
            return True

    return is_kept
