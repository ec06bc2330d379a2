"""Reading the items of a Questionnaire.

Spec: https://hl7.org/fhir/R4/questionnaire.html#item
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fhir_api.validation.rules.place import Tree

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


def below(items: Any) -> Iterator[Tree]:
    """Yield items and all items inside them, in the order of the form."""
    for item in items or ():
        yield item
        yield from below(item.get("item"))
