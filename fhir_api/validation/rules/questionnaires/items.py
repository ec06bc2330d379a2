"""Reading the items of a Questionnaire.

Spec: https://hl7.org/fhir/R4/questionnaire.html#item
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fhir_api.validation.rules.place import Tree

_CORE: Final = "http://hl7.org/fhir/StructureDefinition/"

CHOICES: Final = frozenset({"choice", "open-choice"})
"""The types of items whose answers come from a list."""

VALUE_TYPES: Final = {
    "boolean": ("boolean",),
    "decimal": ("decimal",),
    "integer": ("integer",),
    "date": ("date",),
    "dateTime": ("dateTime",),
    "time": ("time",),
    "string": ("string",),
    "text": ("string",),
    "url": ("uri",),
    "choice": ("Coding", "string", "integer", "date", "time", "Reference"),
    "open-choice": ("Coding", "string", "integer", "date", "time", "Reference"),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}
"""The types an answer may have, by the type of the item; groups and displays have no answers."""


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


_COMPLEX: Final = frozenset({"Coding", "Reference", "Attachment", "Quantity"})


def below(items: Any) -> Iterator[Tree]:
    """Yield items and all items inside them, in the order of the form."""
    for item in items or ():
        yield item
        yield from below(item.get("item"))
