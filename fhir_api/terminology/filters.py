"""The filters of a value set over a code system whose concepts are listed.

Spec: https://hl7.org/fhir/R4/valueset-filter-operator.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

import regex

from fhir_api.terminology.code_system import CodeSystem, Concept
from fhir_api.terminology.codes import Codes

_CODE: Final = frozenset({"concept", "code"})
Values = Callable[[Concept], tuple[str, ...]]
Select = Callable[[CodeSystem, str], "frozenset[str]"]


class Patience:
    """The time that the patterns of one value set may still take together, for a pattern can take for ever.

    Attributes:
        left: seconds.
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self.left = seconds

    def matches(self, pattern: regex.Pattern[str], text: str) -> bool:
        """Tell whether a pattern matches the whole text.

        Raises:
            TimeoutError: the time is over.
        """
        if self.left <= 0:
            raise TimeoutError
        start = monotonic()
        try:
            return pattern.fullmatch(text, timeout=self.left) is not None
        finally:
            self.left -= monotonic() - start


def passing(system: CodeSystem, filter_: Mapping[str, Any], patience: Patience) -> Codes | None:
    """Return the codes of *system* that pass one filter, None where it cannot be told which they are.

    Args:
        system: the code system.
        filter_: one of ``ValueSet.compose.include.filter``.
        patience: with patterns.
    """
    name, operator, value = (filter_.get(part) for part in ("property", "op", "value"))
    if not (isinstance(name, str) and isinstance(operator, str) and isinstance(value, str)):
        return None
    if system.filter_rule is not None:
        rule = system.filter_rule(name, operator, value)
        return None if rule is None else Codes(rule)
    select = _HIERARCHY.get(operator)
    if select is not None:
        return system.among_listed(select(system, value)) if name in _CODE and _is_listed(system, value) else None
    values, test = _values(system, name), _TESTS.get(operator)
    if values is None or test is None:
        return None
    passes = test(value, patience)
    if passes is None:
        return None
    try:
        return system.among_listed(
            frozenset(code for code, concept in system.concepts.items() if passes(values(concept)))
        )
    except TimeoutError:
        return None


def _is_listed(system: CodeSystem, code: str) -> bool:
    """Tell whether the hierarchy around a code is known; below a code that does not exist there is nothing."""
    return code in system.concepts or system.is_listed


def _is_a(system: CodeSystem, code: str) -> frozenset[str]:
    return system.descendants(code) | {code} & system.concepts.keys()


def _generalizes(system: CodeSystem, code: str) -> frozenset[str]:
    return system.ancestors(code) | {code} & system.concepts.keys()


def _leaves(system: CodeSystem, code: str) -> frozenset[str]:
    return frozenset(each for each in system.descendants(code) if each not in system.children)


_HIERARCHY: Final[Mapping[str, Select]] = {
    "is-a": _is_a,
    "descendent-of": CodeSystem.descendants,
    "is-not-a": lambda system, code: frozenset(system.concepts) - _is_a(system, code),
    "generalizes": _generalizes,
    "child-of": lambda system, code: frozenset(system.children.get(code, ())),
    "descendent-leaf": _leaves,
}


def _values(system: CodeSystem, name: str) -> Values | None:
    """Return what reads a property, None for a property the code system does not have."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if name == "child":
        return lambda concept: system.children.get(concept.code, ())
    if name == "inactive" and name not in system.properties:
        return lambda concept: (str(system.is_inactive(concept)).lower(),)
    return (lambda concept: concept.properties.get(name, ())) if name in system.properties else None


_BUILT_IN: Final[Mapping[str, Values]] = {
    "concept": lambda concept: (concept.code,),
    "code": lambda concept: (concept.code,),
    "display": lambda concept: (concept.display,) if concept.display else (),
    "parent": lambda concept: concept.parents,
}

Passes = Callable[[tuple[str, ...]], bool]


def _among(value: str, _patience: Patience) -> Passes:
    wanted = {each.strip() for each in value.split(",")}
    return lambda values: not wanted.isdisjoint(values)


def _not_among(value: str, patience: Patience) -> Passes:
    among = _among(value, patience)
    return lambda values: not among(values)


def _matching(value: str, patience: Patience) -> Passes | None:
    try:
        pattern = regex.compile(value)
    except regex.error:
        return None
    return lambda values: any(patience.matches(pattern, each) for each in values)


def _existing(value: str, _patience: Patience) -> Passes | None:
    if value not in {"true", "false"}:
        return None
    return lambda values: bool(values) is (value == "true")


_TESTS: Final[Mapping[str, Callable[[str, Patience], Passes | None]]] = {
    "=": lambda value, _patience: lambda values: value in values,
    "in": _among,
    "not-in": _not_among,
    "regex": _matching,
    "exists": _existing,
}
