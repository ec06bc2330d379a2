"""Whether a code is in a value set: one that is contained, or one that the terminology knows.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_api.validation.rules.place import Scene, Tree

_VALUE_SET: Final = re.compile(r"https?://hl7\.org/fhir/(?:[a-z0-9\-]+/)*ValueSet/[A-Za-z0-9\-.]+")


def member_of(value_set: str, coding: Any, container: Tree, scene: Scene) -> bool | None:
    """Tell whether a Coding is in a value set, None where that cannot be told.

    Args:
        value_set: canonical, or ``#id`` of a value set in *container*.
        coding: JSON of the Coding.
        container: the resource that names the value set.
        scene: what is known besides.
    """
    if value_set.startswith("#"):
        found = next((each for each in container.get("contained", ()) if each.get("id") == value_set[1:]), None)
        return None if found is None else _composed(found, coding, scene)
    known = scene.terminology.member_of(value_set, coding) if scene.terminology is not None else None
    if known is None and (definition := scene.find("ValueSet", value_set)) is not None:
        return _composed(definition, coding, scene)
    return known


def _composed(value_set: Tree, coding: Any, scene: Scene) -> bool | None:
    compose = value_set.get("compose")
    if compose is None:
        return None
    excluded = [_included(each, coding, scene) for each in compose.get("exclude", ())]
    included = [_included(each, coding, scene) for each in compose.get("include", ())]
    if True in excluded:
        return False
    if True in included:
        return True if None not in excluded else None
    return None if None in included else False


def _included(include: Tree, coding: Any, scene: Scene) -> bool | None:
    """Tell whether one ``include`` or ``exclude`` has a code."""
    system = include.get("system")
    own = coding.get("system")
    # what contains no system at all is compared by code alone
    if system is not None and own is not None and own != system:
        return False
    if "concept" in include:
        listed = any(concept.get("code") == coding.get("code") for concept in include["concept"])
        return listed and ("valueSet" not in include or None)
    if "filter" in include or "valueSet" in include:
        return None
    return None if system is None else has_code(system, coding.get("code"), scene)


def has_code(system: str, code: str | None, scene: Scene) -> bool | None:
    """Tell whether a code system has a code, None where not all its codes are known."""
    definition = scene.find("CodeSystem", system)
    if definition is None or definition.get("content") != "complete":
        return None
    return code in codes(definition.get("concept", ()))


def names_value_set(url: str, scene: Scene) -> bool:
    """Tell whether what should be a code system's URL is that of a value set."""
    if scene.find("CodeSystem", url) is not None:
        return False
    return _VALUE_SET.fullmatch(url) is not None or scene.find("ValueSet", url) is not None


def codes(concepts: Any) -> set[str]:
    """Return each code of concepts and of those below them."""
    found = set()
    for concept in concepts:
        found.add(concept.get("code"))
        found |= codes(concept.get("concept", ()))
    return found
