"""How a search that is not understood is refused: by the name of what is wrong, with names that are close to it.

Spec: https://hl7.org/fhir/R4/search.html#errors
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.outcome import Issue

_LONGEST_NAME = 64
_ALIKE = 0.7


class IgnorableError(FhirError):
    """A parameter this server does not know or have; ``Prefer: handling=lenient`` leaves it out instead.

    A modifier is no such case: "Server SHALL reject any search request that is suffixed by a modifier that the server
    does not support".
    """

    def __init__(self, diagnostics: str) -> None:
        super().__init__(ErrorKind.NOT_SUPPORTED, Issue("error", "not-supported", diagnostics))

    @property
    def suggests(self) -> bool:
        """Whether a name close to the one that is not known was found."""
        return "Did you mean" in self.issues[0].diagnostics

    @property
    def warning(self) -> Issue:
        """What a lenient answer says about it."""
        return Issue("warning", "not-supported", f"{self.issues[0].diagnostics} It was ignored.")


def shown(name: str) -> str:
    """Return a name from the request, quoted and not too long."""
    return f"'{name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + '…'}'"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean …?`` with the names close to *name*, or nothing."""
    close = get_close_matches(name, known, n=3, cutoff=_ALIKE)
    names = " or ".join(f"'{candidate}'" for candidate in close)
    return f" Did you mean {names}?" if close else ""


def unknown_parameter(resource_type: str, code: str, known: Iterable[str]) -> IgnorableError:
    """Make the error for a search parameter that a type does not have."""
    return IgnorableError(f"{resource_type} has no search parameter {shown(code)}.{suggestion(code, known)}")


def unsupported(name: str, hint: str = "") -> IgnorableError:
    """Make the error for a parameter of the specification that this server does not have."""
    return IgnorableError(f"This server does not support the search parameter {shown(name)}.{hint}")


def unsupported_modifier(code: str, modifier: str, known: Iterable[str]) -> FhirError:
    """Make the error for a modifier that a parameter does not have here."""
    names = ", ".join(f"':{name}'" for name in known)
    message = f"Search parameter '{code}' does not support the modifier {shown(':' + modifier)}; it supports {names}."
    return refuse(ErrorKind.NOT_SUPPORTED, message)


def unknown_type(name: str, known: Iterable[str]) -> FhirError:
    """Make the error for a name that is no resource type."""
    return refuse(ErrorKind.MALFORMED, f"{shown(name)} is not a resource type.{suggestion(name, known)}", code="value")


def bad_value(name: str, expected: str) -> FhirError:
    """Make the error for a parameter whose value is none of those *expected*."""
    return refuse(ErrorKind.MALFORMED, f"Search parameter {shown(name)} expects {expected}.", code="value")
