"""Code tables: HL7 v2's codes to FHIR's, by rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from mappings.conditions import Source, compile_condition
from mappings.conditions.compiler import Asked
from mappings.corrections import Function, condition_of
from mappings.rows import CodeRow

V2_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-"
_HL7_TABLE = re.compile(r"HL7?-?(\d{4})")


class Code(NamedTuple):
    """What a code becomes.

    Attributes:
        code: FHIR's code.
        system: its code system; empty for none.
        display: what it is called; empty for none.
    """

    code: str
    system: str
    display: str


class Table:
    """A table of codes.

    Attributes:
        name: as rows name it.
        asks: whether a row counts only on a condition.
    """

    def __init__(self, name: str, rows: Iterable[CodeRow]) -> None:
        self.name = name
        self._rows: dict[str, list[tuple[Asked | None, Code | None]]] = {}
        self._systems: dict[str, str] = {}
        self.asks = False
        for row in rows:
            condition = condition_of(name, row.condition)
            if isinstance(condition, Function):
                # the one function that tables use says that the code has no counterpart
                continue
            asked = None if condition is None else compile_condition(condition)
            self.asks |= asked is not None
            code = Code(row.target, row.target_system, row.display) if row.target else None
            self._rows.setdefault(row.code, []).append((asked, code))
            number = _HL7_TABLE.fullmatch(row.system)
            if number is not None:
                self._systems[row.code] = V2_SYSTEM + number[1]

    def translate(self, code: str, source: Source | None) -> Code | None:
        """Return what *code* becomes; None where no row says so."""
        rows = self._rows.get(code)
        if rows is None:
            return None
        for asked, found in rows:
            if asked is None or (source is not None and asked(source)):
                return found
        return None

    def system(self, code: str) -> str:
        """Return the code system of HL7 v2 that *code* is of; empty for one that the table does not have."""
        return self._systems.get(code, "")

    def __contains__(self, code: str) -> bool:
        return code in self._rows
