"""SearchParameters, CompartmentDefinitions and OperationDefinitions to rows.

Spec: https://hl7.org/fhir/R4/conformance-module.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.build.package import Definition, Package
from conformance.compartments import CompartmentDefinition
from conformance.operations import OperationDefinition, OperationParameter
from conformance.search_parameters import Component, SearchParameterDefinition

_STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"


def compile_search_parameters(package: Package) -> tuple[list[SearchParameterDefinition], tuple[str, ...]]:
    """Return the base specification's search parameters sorted by canonical, and the ids of those left out."""
    kept: list[SearchParameterDefinition] = []
    skipped: list[str] = []
    for definition in package.of_type("SearchParameter"):
        if _is_of_the_base(definition):
            kept.append(_search_parameter(definition))
        else:
            skipped.append(definition["id"])
    return sorted(kept, key=lambda row: row.url), tuple(skipped)


def _is_of_the_base(definition: Definition) -> bool:
    """Only the specification's own parameters have a standards status; examples and extension packs have none."""
    return any(extension["url"] == _STANDARDS_STATUS for extension in definition.get("extension", ()))


def _search_parameter(definition: Definition) -> SearchParameterDefinition:
    return SearchParameterDefinition(
        url=definition["url"],
        code=definition["code"],
        type=definition["type"],
        base=tuple(definition["base"]),
        expression=definition.get("expression"),
        target=tuple(definition.get("target", ())),
        components=tuple(Component(part["definition"], part["expression"]) for part in definition.get("component", ())),
        comparators=tuple(definition.get("comparator", ())),
        modifiers=tuple(definition.get("modifier", ())),
        description=definition["description"].strip(),
    )


def compile_compartments(package: Package) -> Iterator[CompartmentDefinition]:
    """Yield the compartments sorted by their code."""
    for definition in package.of_type("CompartmentDefinition"):
        if definition["id"] == "example":
            continue
        yield CompartmentDefinition(
            code=definition["code"],
            url=definition["url"],
            resources={row["code"]: tuple(row["param"]) for row in definition["resource"] if row.get("param")},
        )


def compile_operations(package: Package) -> Iterator[OperationDefinition]:
    """Yield the operations sorted by canonical."""
    for definition in package.of_type("OperationDefinition"):
        if definition["id"] == "example":
            continue
        yield OperationDefinition(
            code=definition["code"],
            url=definition["url"],
            system=definition["system"],
            type=definition["type"],
            instance=definition["instance"],
            resource=tuple(definition.get("resource", ())),
            affects_state=definition.get("affectsState", False),
            parameters=tuple(_parameter(each) for each in definition.get("parameter", ())),
            description=definition["description"].strip(),
        )


def _parameter(parameter: dict[str, Any], use: str = "in") -> OperationParameter:
    use = parameter.get("use", use)
    return OperationParameter(
        name=parameter["name"],
        use=use,
        min=parameter["min"],
        max=None if parameter["max"] == "*" else int(parameter["max"]),
        type=parameter.get("type"),
        search_type=parameter.get("searchType"),
        target_profiles=tuple(target.rsplit("/", 1)[-1] for target in parameter.get("targetProfile", ())),
        parts=tuple(_parameter(part, use) for part in parameter.get("part", ())),
        documentation=parameter.get("documentation", "").strip(),
    )
