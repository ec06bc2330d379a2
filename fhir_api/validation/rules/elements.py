"""Reading parts of elements: the values of extensions and of choices.

Spec: https://hl7.org/fhir/R4/extensibility.html, https://hl7.org/fhir/R4/formats.html#choice
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fhir_api.validation.rules.place import Tree

_CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
_COMPLEX: Final = frozenset({"Coding", "Reference", "Attachment", "Quantity"})


def extension_values(element: Tree, name: str, *, url: str | None = None) -> Iterator[Any]:
    """Yield the values of an element's extensions.

    Args:
        element: what has the extensions.
        name: of an extension of the base specification.
        url: of another extension, instead.
    """
    wanted = url or f"{_CORE}{name}"
    for extension in element.get("extension", ()):
        if extension.get("url") == wanted:
            yield from (value for member, value in extension.items() if member.startswith("value"))


def extension_value(element: Tree, *names: str) -> Any:
    """Return the value of the first extension with one of some names or URLs, None where there is none."""
    for name in names:
        for value in extension_values(element, name, url=name if ":" in name else None):
            return value
    return None


def value_of(element: Tree, prefix: str = "value") -> tuple[str, Any] | None:
    """Return type and value of a choice such as ``valueCoding``: ``("Coding", {…})``; None where it has none."""
    for name, value in element.items():
        if name.startswith(prefix) and len(name) > len(prefix) and name[len(prefix)].isupper():
            kind = name[len(prefix) :]
            return kind if kind in _COMPLEX else kind[0].lower() + kind[1:], value
    return None
