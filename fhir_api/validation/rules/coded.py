"""What URLs of code systems and value sets stand for.

Spec: https://hl7.org/fhir/R4/terminologies.html
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_api.validation.rules.place import Scene

_VALUE_SET: Final = re.compile(r"https?://hl7\.org/fhir/(?:[a-z0-9\-]+/)*ValueSet/[A-Za-z0-9\-.]+")


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
