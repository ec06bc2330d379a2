"""What the readers of query values share: their surroundings, prefixes, and how a bad value is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.search.code_sets import CodeSets
from fhir_api.search.query import Parameter, Prefix

_PREFIXES = {prefix.value: prefix for prefix in Prefix}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meaning of a value depends on besides its text.

    Attributes:
        zone: of dates without one.
        base_url: of this server; absolute references below it are its own.
        codes: what value sets and hierarchies of codes hold; None where they cannot be asked.
        full_text: whether words of resources can be looked for; the setting ``full_text_search``.
        now: milliseconds since 1970 UTC (``ap`` on dates depends on the distance to it).
    """

    zone: tzinfo = UTC
    base_url: str = ""
    codes: CodeSets | None = None
    full_text: bool = True
    now: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp() * 1000))


def split_prefix(text: str) -> tuple[Prefix, str]:
    """Return the comparison prefix (EQ where there is none) and the rest."""
    prefix = _PREFIXES.get(text[:2])
    return (Prefix.EQ, text) if prefix is None else (prefix, text[2:])


def malformed(parameter: Parameter, expected: str) -> FhirError:
    """Make the error for a value that cannot be read; it does not repeat the value, which may be a patient's."""
    message = f"Search parameter '{parameter.code}' of {parameter.resource_type} expects {expected}."
    return refuse(ErrorKind.MALFORMED, message, code="value")
