"""Code tables: HL7 v2's codes to FHIR's, by rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mappings.conditions import Source, compile_condition
from mappings.conditions.compiler import Asked
from mappings.corrections import Function, condition_of
from mappings.rows import CodeRow


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
        systems: names of the code systems that its codes may be sent with.
    """

    def __init__(self, name: str, rows: Iterable[CodeRow]) -> None:
        self.name = name
        self._rows: dict[str, list[tuple[Asked | None, Code | None]]] = {}
        self.systems: set[str] = set()
        for row in rows:
            condition = condition_of(name, row.condition)
            if isinstance(condition, Function):
                # the one function that tables use says that the code has no counterpart
                continue
            asked = None if condition is None else compile_condition(condition)
            code = Code(row.target, row.target_system, row.display) if row.target else None
            self._rows.setdefault(row.code, []).append((asked, code))
            self.systems.add(row.system)

    def translate(self, code: str, source: Source | None) -> Code | None:
        """Return what *code* becomes; None where no row says so."""
        rows = self._rows.get(code)
        if rows is None:
            return None
        for asked, found in rows:
            if asked is None or (source is not None and asked(source)):
                return found
        return None

    def __contains__(self, code: str) -> bool:
        return code in self._rows
