"""ValueSets to their codes, as far as the package has the code systems.

A required binding of R4 names value sets made of whole code systems and lists of codes only; any other composition is
reported as open, so that none is expanded wrongly.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from conformance.build.package import Definition, Package
from conformance.value_sets import ValueSetCodes


class _Open(Exception):  # noqa: N818 - a finding about the value set, not an error
    """The codes of a value set cannot be listed."""


def compile_value_sets(package: Package, canonicals: Iterable[str]) -> list[ValueSetCodes]:
    """Return the codes of each value set, or the reason why they cannot be listed, sorted by canonical."""
    value_sets = {row["url"]: row for row in package.of_type("ValueSet")}
    code_systems = {row["url"]: row for row in package.of_type("CodeSystem")}
    return [_value_set(canonical, value_sets.get(canonical), code_systems) for canonical in sorted(canonicals)]


def _value_set(canonical: str, definition: Definition | None, code_systems: dict[str, Definition]) -> ValueSetCodes:
    try:
        if definition is None:
            raise _Open("The package does not have it.")
        if "exclude" in definition["compose"]:
            raise _Open("It excludes codes.")
        systems: dict[str, tuple[str, ...]] = {}
        for include in definition["compose"]["include"]:
            system = include["system"]
            systems[system] = systems.get(system, ()) + tuple(_included(include, code_systems.get(system)))
    except _Open as reason:
        return ValueSetCodes(url=canonical, open_because=str(reason))
    return ValueSetCodes(url=canonical, systems=systems)


def _included(include: dict[str, Any], code_system: Definition | None) -> Iterator[str]:
    if "filter" in include or "valueSet" in include:
        raise _Open("It selects codes by a filter or another value set.")
    if "concept" in include:
        return (concept["code"] for concept in include["concept"])
    if code_system is None or code_system["content"] != "complete":
        raise _Open(f"The package does not list the codes of {include['system']}.")
    return _codes(code_system["concept"])


def _codes(concepts: Iterable[Definition]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", ()))
