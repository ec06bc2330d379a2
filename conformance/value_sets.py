"""The codes of the value sets that required bindings use.

Spec: https://hl7.org/fhir/R4/terminologies.html#required
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from msgspec import Struct

from conformance.rows import read_rows


class ValueSetCodes(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One expanded value set.

    Attributes:
        url: its canonical without version.
        systems: code systems, each with its codes.
        open_because: why its codes cannot be listed; None where *systems* is complete.
    """

    url: str
    systems: dict[str, tuple[str, ...]] = {}
    open_because: str | None = None


@cache
def bound_value_sets() -> Mapping[str, ValueSetCodes]:
    """Return every value set of a required binding by its canonical."""
    return MappingProxyType({row.url: row for row in read_rows("value_sets.jsonl", ValueSetCodes)})


@cache
def required_codes(value_set: str) -> Mapping[str, str] | None:
    """Return the codes of a value set, each with its system.

    A code that several systems have is given with the first of them.

    Args:
        value_set: canonical, without version, of a value set that a required binding uses.

    Returns:
        None where the codes cannot be listed (languages, MIME types, units), or for another value set.
    """
    row = bound_value_sets().get(value_set)
    if row is None or row.open_because is not None:
        return None
    codes: dict[str, str] = {}
    for system, members in row.systems.items():
        for code in members:
            codes.setdefault(code, system)
    return MappingProxyType(codes)
