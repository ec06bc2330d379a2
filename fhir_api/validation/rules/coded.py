"""Whether a code is in a value set: one that is contained, or one that the terminology knows.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_api.terminology.composition import compile_value_set
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
    terminology = scene.terminology
    if not value_set.startswith("#"):
        return terminology.member_of(value_set, coding)
    found = next((each for each in container.get("contained", ()) if each.get("id") == value_set[1:]), None)
    system, code = coding.get("system"), coding.get("code")
    if found is None or system is None or code is None:
        return None
    return compile_value_set(found, terminology.code_system, terminology.value_set).contains(system, code)


def has_code(system: str, code: str, scene: Scene) -> bool | None:
    """Tell whether a code system has a code, None where not all its codes are known."""
    return scene.terminology.validate_in_system(system, code).result


def names_value_set(url: str, scene: Scene) -> bool:
    """Tell whether what should be a code system's URL is that of a value set."""
    if scene.library.find("CodeSystem", url) is not None:
        return False
    return _VALUE_SET.fullmatch(url) is not None or scene.library.find("ValueSet", url) is not None


def is_supplement(url: str, scene: Scene) -> bool:
    """Tell whether a URL is that of a supplement, which has no codes of its own."""
    definition = scene.library.find("CodeSystem", url)
    return definition is not None and "supplements" in definition


def codes(concepts: Any) -> set[str]:
    """Return each code of concepts and of those below them."""
    found = set()
    for concept in concepts:
        found.add(concept.get("code"))
        found |= codes(concept.get("concept", ()))
    return found
