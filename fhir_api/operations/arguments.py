"""What an operation was called with, checked against its definition.

Spec: https://hl7.org/fhir/R4/parameters.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhir_api.model.resource import Resource


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter with its value, its resource or its parts.

    Attributes:
        name: as in the definition.
        place: where it stood, for issues: ``Parameters.parameter[2]``; empty for a parameter of the URL.
        type: FHIR type of the value, such as ``code``; empty where there is none.
        value: parsed JSON of the value.
        resource: the resource it carries.
        parts: parameters inside it.
    """

    name: str
    place: str = ""
    type: str = ""
    value: Any = None
    resource: Resource | None = None
    parts: tuple[Argument, ...] = ()

    @property
    def expressions(self) -> tuple[str, ...]:
        """The place as an issue has it."""
        return (self.place,) if self.place else ()

    @property
    def text(self) -> str | None:
        """The value of a primitive as it stands in a URL; None for any other."""
        match self.value:
            case bool(value):
                return "true" if value else "false"
            case str() | int() | float():
                return str(self.value)
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Arguments:
    """All parameters of a call, in the order in which they came."""

    given: tuple[Argument, ...] = ()

    def __iter__(self) -> Iterator[Argument]:
        """Give each."""
        return iter(self.given)

    def all(self, name: str) -> list[Argument]:
        """Return the parameters of a name."""
        return [argument for argument in self.given if argument.name == name]

    def one(self, name: str) -> Argument | None:
        """Return the parameter of a name that can be given once; None where it is not given."""
        return next((argument for argument in self.given if argument.name == name), None)

    def value(self, name: str) -> Any:
        """Return the JSON value of a parameter that can be given once; None where it is not given."""
        found = self.one(name)
        return None if found is None else found.value
