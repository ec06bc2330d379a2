"""What is said about a code.

Spec: https://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """What is known about a code in a value set or a code system.

    Attributes:
        result: whether it belongs there; None where it cannot be told.
        message: why not, or why it cannot be told; it names definitions, never the code or a text of the client.
        is_system_known: whether the code system's codes are known, so that a wrong code is found out.
        display: the name the code system gives the concept.
        is_display_right: whether the display that was given is one of the concept's names; None where none was given or
            the names are not known.
        is_inactive: the code system says that the concept is not to be used any more.
        is_abstract: the code system says that the concept only groups others.
    """

    result: bool | None
    message: str | None = None
    is_system_known: bool = False
    display: str | None = None
    is_display_right: bool | None = None
    is_inactive: bool = False
    is_abstract: bool = False
