"""What the comparisons of a filter mean for each type of parameter.

Spec: https://hl7.org/fhir/R4/search_filter.html#ops
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from fhir_api.search.filter.syntax import Comparison
from fhir_api.search.query import AllClause, Clause, DateValue, MissingClause, NotClause, Parameter, Prefix, ValueClause
from fhir_api.search.refusals import bad_value
from fhir_api.search.types.reading import Reading
from fhir_api.search.types.values import parse_value

_PREFIXES: Final = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"})
_TEXTS: Final[Mapping[str, str | None]] = {
    "eq": "equals",
    "co": "contains",
    "sw": None,
    "ew": "ends-with",
    "gt": "gt",
    "lt": "lt",
    "ge": "ge",
    "le": "le",
}
_URIS: Final[Mapping[str, str | None]] = {
    "eq": None,
    "co": "contains",
    "sw": "starts-with",
    "ew": "ends-with",
    "gt": "gt",
    "lt": "lt",
    "ge": "ge",
    "le": "le",
}
_CODES: Final[Mapping[str, str | None]] = {
    "eq": None,
    "in": "in",
    "ni": "not-in",
    "ss": "below",
    "sb": "above",
}
_ESCAPED: Final = str.maketrans({"\\": r"\\", ",": r"\,", "$": r"\$"})

ReadModified = Callable[[Parameter, str | None, str], Clause]
"""Reads ``parameter:modifier=value``."""


def meaning(parameter: Parameter, comparison: Comparison, reading: Reading, read: ReadModified) -> Clause:
    """Return what *comparison* says of *parameter*.

    ``ne`` is met by a resource that has a value and none that equals the one given; of numbers, quantities and dates
    it is the prefix.

    Raises:
        FhirError: MALFORMED for an operator that the type of the parameter does not have, or a value that cannot be
            read.
    """
    operator, value = comparison.operator, comparison.value
    if operator == "pr":
        if value not in {"true", "false"}:
            raise bad_value(parameter.code, "'pr true' or 'pr false'")
        return MissingClause(parameter, value == "false")
    if operator == "ne" and parameter.type not in {"date", "number", "quantity"}:
        equal = meaning(parameter, dataclasses.replace(comparison, operator="eq"), reading, read)
        return AllClause((MissingClause(parameter, missing=False), NotClause(equal)))
    escaped = value.translate(_ESCAPED)
    match parameter.type:
        case "date" if operator == "po":
            return _overlapping(parameter, escaped, reading)
        case "date" | "number" | "quantity" if operator in _PREFIXES:
            return ValueClause(parameter, None, (parse_value(parameter, operator + escaped, reading),))
        case "string" if parameter.by_sound and operator == "eq":
            return read(parameter, None, escaped.replace("|", r"\|"))
        case "string" if operator in _TEXTS and not parameter.by_sound:
            literal = escaped.replace("|", r"\|")
            return ValueClause(parameter, _TEXTS[operator], (parse_value(parameter, literal, reading),))
        case "uri" if operator in _URIS:
            return ValueClause(parameter, _URIS[operator], (parse_value(parameter, escaped, reading),))
        case "token" if operator in _CODES:
            return read(parameter, _CODES[operator], escaped)
        case "reference" if operator in {"eq", "re"}:
            return read(parameter, None, escaped)
        case _:
            raise bad_value(parameter.code, f"another operator than '{operator}', which a {parameter.type} has not")


def _overlapping(parameter: Parameter, value: str, reading: Reading) -> Clause:
    found = parse_value(parameter, value, reading)
    # "about" compares by overlap; the range that it usually widens is left as it is
    overlap = replace(found, prefix=Prefix.AP) if isinstance(found, DateValue) else found
    return ValueClause(parameter, None, (overlap,))
