"""Tables read backwards: FHIR's codes as those of HL7 v2.

What several codes of HL7 v2 mean alike is written as the first of them. A code that is one of HL7 v2's own already
stays as it is, whatever the rows say of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mappings.rows import CodeRow

_V2 = "http://terminology.hl7.org/CodeSystem/v2-"


class Code(NamedTuple):
    """A code of HL7 v2: *system* is the name of its table, such as ``HL70001``."""

    code: str
    system: str


class Backward:
    """One table."""

    def __init__(self, rows: Sequence[CodeRow]) -> None:
        self._exact: dict[tuple[str, str], Code] = {}
        self._codes: dict[str, Code] = {}
        for row in rows:
            if row.target and row.code:
                code = Code(row.code, row.system)
                self._exact.setdefault((row.target_system, row.target), code)
                self._codes.setdefault(row.target, code)
        self._own = {row.code: Code(row.code, row.system) for row in rows}

    def code(self, target: str, system: str = "") -> Code | None:
        """Return the code that *target* stands for; None where the table has no row.

        Args:
            target: FHIR's code, or a URI.
            system: of the code; empty where the element has none.
        """
        if system.startswith(_V2):
            return Code(target, f"HL7{system.removeprefix(_V2)}")
        found = self._exact.get((system, target)) or self._exact.get(("", target))
        if found is None and not system:
            found = self._codes.get(target) or self._own.get(target)
        return found


def backward(tables: Mapping[str, Sequence[CodeRow]]) -> dict[str, Backward]:
    """Return all tables read backwards."""
    return {name: Backward(rows) for name, rows in tables.items()}
