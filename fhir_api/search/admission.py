"""Whether a SearchParameter resource can be searched by: what it defines here, or why it defines nothing.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from msgspec import structs

from conformance.search_parameters import Component, SearchParameterDefinition
from conformance.types import is_subtype
from fhir_api.fhirpath import ast
from fhir_api.fhirpath.errors import FhirPathError
from fhir_api.fhirpath.parser import parse
from fhir_api.model.outcome import Issue
from fhir_api.search.definitions import SearchDefinitions, leaf_routes
from fhir_api.search.evaluation import result_types
from fhir_api.search.query import Parameter, Prefix
from fhir_api.search.routes import Unroutable, is_present_and_not_false, routes
from fhir_api.search.tenant import OwnDefinition, OwnDefinitions
from fhir_api.search.value_clauses import MODIFIERS

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_SHOWN = 200
_ORDERED: Final = frozenset({"number", "date", "quantity"})
_EXACT: Final = frozenset({"token", "reference", "quantity", "uri"})
_CHANGING: Final = frozenset({"now", "today", "timeOfDay"})
_OUTSIDE: Final = frozenset({"memberOf", "conformsTo", "subsumes", "subsumedBy"})
_SLOW: Final = frozenset({"matches", "matchesFull", "replaceMatches"})
_LONGEST: Final = 4000


@dataclass(slots=True)
class Admission:
    """What became of a SearchParameter resource.

    Attributes:
        definition: what can be searched by; None where nothing can.
        issues: ``error`` says why nothing can be, ``warning`` what is left out, ``information`` what is as it should.
    """

    definition: SearchParameterDefinition | None = None
    issues: list[Issue] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why it cannot be searched by, in one line; empty where it can."""
        if self.definition is not None:
            return ""
        told = [issue for issue in self.issues if issue.severity == "error"] or self.issues
        return " ".join(issue.diagnostics for issue in told[:3])


def admit(tree: dict[str, Any], base: SearchDefinitions, others: Iterable[SearchParameterDefinition] = ()) -> Admission:
    """Return what the SearchParameter *tree* makes searchable.

    Args:
        tree: parsed JSON of a resource whose structure is sound.
        base: the parameters of R4, which nobody can replace.
        others: what the tenant defines beside it.
    """
    status = tree.get("status")
    if status != "active":
        told = f"It is '{status}': only an active search parameter is indexed."
        return Admission(None, [Issue("information", "informational", told, ("SearchParameter.status",))])
    return _Reader(tree, base, tuple(each for each in others if each.url != tree.get("url"))).read()


class _Refused(Exception):  # noqa: N818 - leads to an Admission, nobody outside sees it
    def __init__(self, element: str, diagnostics: str, code: str = "not-supported") -> None:
        super().__init__(diagnostics)
        self.issue = Issue("error", code, diagnostics, (f"SearchParameter.{element}",))


@dataclass(slots=True)
class _Reader:
    tree: dict[str, Any]
    base: SearchDefinitions
    others: tuple[SearchParameterDefinition, ...]
    issues: list[Issue] = field(default_factory=list)

    def read(self) -> Admission:
        try:
            definition = self._definition()
            bases = tuple(name for name in definition.base if self._is_usable(name, definition))
            if not bases:
                if not any(issue.severity == "error" for issue in self.issues):
                    self.issues = [replace(issue, severity="error") for issue in self.issues]
                return Admission(None, self.issues)
            self._tell_unsupported(definition)
            return Admission(structs.replace(definition, base=bases), self.issues)
        except _Refused as refused:
            return Admission(None, [*self.issues, refused.issue])

    def _definition(self) -> SearchParameterDefinition:
        tree = self.tree
        kind, code = tree["type"], tree["code"]
        if not _CODE.fullmatch(code):
            raise _Refused("code", "The code of a search parameter is letters, digits, '-' and '_' here.", "value")
        if kind == "special":
            raise _Refused("type", "What a parameter of type 'special' means is told by no expression.")
        if kind not in MODIFIERS:
            raise _Refused("type", f"'{kind[:64]}' is no type of search parameter.", "value")
        self._check_url()
        expression = tree.get("expression")
        if expression is None:
            raise _Refused("expression", "Without an expression there is nothing to index.", "required")
        if len(expression) > _LONGEST:
            raise _Refused("expression", f"An expression of more than {_LONGEST} characters is not indexed.")
        _check_functions(expression, "expression")
        return SearchParameterDefinition(
            tree["url"], code, kind, tuple(dict.fromkeys(self._types("base", tree["base"]))), expression,
            tuple(dict.fromkeys(self._types("target", tree.get("target", ())))), self._components(kind),
            tuple(tree.get("comparator", ())), tuple(tree.get("modifier", ())),
        )  # fmt: skip

    def _check_url(self) -> None:
        url = self.tree["url"]
        if any(each.url == url for name in _general(self.tree["base"]) for each in self._of_r4(name)):
            raise _Refused("url", "It is a search parameter of R4 itself, which is there already.", "duplicate")

    def _of_r4(self, name: str) -> Iterable[Parameter]:
        return self.base.parameters(name).values() if name in self.base.resource_types else ()

    def _types(self, element: str, names: Sequence[str]) -> Iterator[str]:
        """Yield names of resource types; for one that others inherit, all of those."""
        for place, name in enumerate(names):
            if name in self.base.resource_types:
                yield name
                continue
            below = [each for each in sorted(self.base.resource_types) if is_subtype(each, name)]
            if not below:
                raise _Refused(f"{element}[{place}]", f"'{name[:64]}' is no resource type.", "value")
            yield from below

    def _components(self, kind: str) -> tuple[Component, ...]:
        given = self.tree.get("component", ())
        if kind != "composite":
            return ()
        if not given:
            raise _Refused("component", "A composite parameter needs components.", "required")
        found = []
        for place, each in enumerate(given):
            _check_functions(each["expression"], f"component[{place}].expression")
            found.append(Component(each["definition"], each["expression"]))
        return tuple(found)

    def _is_usable(self, resource_type: str, definition: SearchParameterDefinition) -> bool:
        """Tell whether it can be searched by on a type, and say why not."""
        if definition.code in self.base.parameters(resource_type):
            self._leave(resource_type, f"R4 itself has a parameter '{definition.code}'.", "duplicate", "code")
        elif any(definition.code == each.code and resource_type in each.base for each in self.others):
            self._leave(
                resource_type, f"another SearchParameter has the code '{definition.code}'.", "duplicate", "code"
            )
        else:
            try:
                fault = self._fault(resource_type, definition)
            except FhirPathError as error:
                fault = f"the expression cannot be compiled: {str(error)[:_SHOWN]}"
            except LookupError as error:
                self._leave(resource_type, str(error.args[0]), "not-found", "component")
                return False
            if fault is None:
                return True
            self._leave(resource_type, fault, "not-supported", "expression")
        return False

    def _leave(self, resource_type: str, why: str, code: str, element: str) -> None:
        # a parameter of all types is not there for those that have nothing to index
        if resource_type in self.tree["base"]:
            told = f"It is not searched by on {resource_type}: {why}"
            self.issues.append(Issue("warning", code, told, (f"SearchParameter.{element}",)))
        elif not self.issues:
            self.issues.append(
                Issue("information", code, f"It is left out on some types: {why}", (f"SearchParameter.{element}",))
            )

    def _fault(self, resource_type: str, definition: SearchParameterDefinition) -> str | None:
        if definition.type == "composite":
            return self._fault_of_composite(resource_type, definition)
        parameter = Parameter(
            resource_type, definition.code, definition.type, 0, definition.expression or "", definition.url
        )
        found = _indexable(parameter)
        if found:
            return None
        return f"its expression leads to no element that a parameter of type '{definition.type}' can have."

    def _fault_of_composite(self, resource_type: str, definition: SearchParameterDefinition) -> str | None:
        try:
            bases = routes(definition.expression or "", resource_type)
        except Unroutable:
            return "the expression of a composite has to be a path."
        if not bases:
            return "its expression leads to no element."
        kinds = []
        for place, component in enumerate(definition.components):
            parameter = self._named(resource_type, component.url)
            if parameter is None:
                raise LookupError(
                    f"component[{place}].definition is no search parameter of {resource_type} that is known here."
                )
            if parameter.type in {"composite", "special"}:
                return f"component[{place}] is of type '{parameter.type}', which cannot be part of another."
            try:
                ends = [way for way in bases for way in routes(component.expression, resource_type, way.type)]
            except Unroutable:
                return f"component[{place}].expression has to be a path."
            if not ends:
                return f"component[{place}].expression leads to no element."
            kinds.append(parameter.type)
        return _fault_of_kinds(kinds)

    def _named(self, resource_type: str, url: str) -> Parameter | None:
        own = OwnDefinitions(self.base, (OwnDefinition(0, each) for each in self.others if each.type != "composite"))
        url = url.partition("|")[0]
        known = (*self.base.parameters(resource_type).values(), *own.parameters(resource_type).values())
        return next((each for each in known if each.url == url), None)

    def _tell_unsupported(self, definition: SearchParameterDefinition) -> None:
        """Say which modifiers and comparators it names that nothing here gives."""
        modifiers = {*MODIFIERS[definition.type], *({"type"} if definition.type == "reference" else ())}
        for place, name in enumerate(definition.modifiers):
            if name not in modifiers:
                told = f"A parameter of type '{definition.type}' has no modifier ':{name}' here."
                self.issues.append(Issue("warning", "not-supported", told, (f"SearchParameter.modifier[{place}]",)))
        known = {prefix.value for prefix in Prefix} if definition.type in _ORDERED else set()
        for place, name in enumerate(definition.comparators):
            if name not in known and definition.type != "composite":
                told = f"A parameter of type '{definition.type}' has no comparator '{name}' here."
                self.issues.append(Issue("warning", "not-supported", told, (f"SearchParameter.comparator[{place}]",)))


def _general(names: Iterable[str]) -> list[str]:
    """Return *names*, with a type that has what all types have where one of them is for all."""
    return [*names, *(["Basic"] if {"Resource", "DomainResource"} & set(names) else [])]


def _indexable(parameter: Parameter) -> Sequence[object]:
    """Return what the expression finds that the parameter can index.

    Raises:
        FhirPathError: the expression cannot be compiled.
    """
    if is_present_and_not_false(parameter.expression, parameter.resource_type) is not None:
        return ("boolean",) if parameter.type == "token" else ()
    try:
        return leaf_routes(parameter)
    except Unroutable:
        return result_types(parameter)


def _check_functions(expression: str, element: str) -> None:
    """Refuse what does not follow from the resource alone.

    Raises:
        _Refused: the function is named.
    """
    try:
        parsed = parse(expression)
    except FhirPathError as error:
        raise _Refused(element, f"The expression cannot be read: {str(error)[:_SHOWN]}", "value") from None
    for part in ast.walk(parsed):
        match part:
            case ast.FunctionInvocation(name=name) if name in _CHANGING:
                raise _Refused(element, f"What '{name}()' gives changes with time: it cannot be indexed.")
            case ast.FunctionInvocation(name=name) if name in _OUTSIDE:
                raise _Refused(element, f"'{name}()' asks other definitions: it cannot be indexed.")
            case ast.FunctionInvocation(name=name) if name in _SLOW:
                raise _Refused(element, f"'{name}()' can take any time: it is not evaluated on every write.")
            case ast.InvocationExpression(
                expression=ast.InvocationExpression(invocation=ast.FunctionInvocation(name="resolve"))
            ):
                raise _Refused(element, "What lies behind 'resolve()' is another resource: use a chained search.")
            case _:
                pass


def _fault_of_kinds(kinds: Sequence[str]) -> str | None:
    """Return why a combination of types has no place in the index; None if it has."""
    ordered = [kind for kind in kinds if kind in _ORDERED]
    is_crowded = len(ordered) > 1 and "date" in ordered
    if sum(kind in _EXACT for kind in kinds) > 2 or len(ordered) > 2 or is_crowded or kinds.count("string") > 1:  # noqa: PLR2004 - the slots of a row
        return f"a combination of {', '.join(kinds)} has no place in the index."
    return None
