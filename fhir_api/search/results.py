"""Parameters that say how results come back: order, page size, total, and which parts are shown.

Spec: https://hl7.org/fhir/R4/search.html#return
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import Parameter, SortKey, Total
from fhir_api.search.refusals import bad_value, shown, unknown_parameter, unsupported
from fhir_api.search.types.escapes import split

RESULT_PARAMETERS = frozenset(
    {
        "_sort",
        "_count",
        "_total",
        "_summary",
        "_elements",
        "_include",
        "_revinclude",
        "_contained",
        "_containedType",
        "_score",
    }
)
"""Names of parameters that are no criteria; ``_include`` and ``_revinclude`` may carry ``:iterate``."""

SUMMARIES = ("true", "text", "data", "count", "false")
CONTAINED = ("false", "true", "both")
CONTAINED_TYPES = ("container", "contained")
_LONGEST_COUNT = 9


def parse_sort(definitions: SearchDefinitions, resource_types: Sequence[str], value: str) -> tuple[SortKey, ...]:
    """Return the keys of ``_sort=status,-date``.

    ``_score`` orders nothing: what matches does so wholly, and so all matches are equally relevant.

    Raises:
        FhirError: a key is no parameter of the types searched, or nothing can be sorted by it.
    """
    texts = [text for text in split(value, ",") if text.removeprefix("-") != "_score"]
    return tuple(_sort_key(definitions, resource_types, text) for text in texts)


def _sort_key(definitions: SearchDefinitions, resource_types: Sequence[str], text: str) -> SortKey:
    descending = text.startswith("-")
    code = text.removeprefix("-")
    if not code:
        raise bad_value("_sort", "names of search parameters, each with '-' for descending order")
    if code in {"_id", "_lastUpdated"}:
        return SortKey(code, None, descending)
    parameter, *others = (_sortable(definitions, resource_type, code) for resource_type in resource_types)
    if any(other.type != parameter.type for other in others):
        raise unsupported(f"_sort={code}", " It is not of one type in all the types searched.")
    return SortKey(code, parameter, descending, tuple(others))


def _sortable(definitions: SearchDefinitions, resource_type: str, code: str) -> Parameter:
    parameter = definitions.parameter(resource_type, code)
    if parameter is None:
        raise unknown_parameter(resource_type, code, definitions.parameters(resource_type))
    if parameter.type in {"composite", "special"}:
        raise unsupported(f"_sort={code}", f" Nothing can be sorted by a parameter of type {parameter.type}.")
    return parameter


def parse_count(value: str, max_count: int) -> int:
    """Return how many entries a page holds at most: what is asked for, *max_count* at most.

    Raises:
        FhirError: MALFORMED when it is no whole number.
    """
    if not value.isascii() or not value.isdigit():
        raise bad_value("_count", "a whole number")
    return max_count if len(value) > _LONGEST_COUNT else min(int(value), max_count)


def parse_total(value: str) -> Total:
    """Return the wish about ``Bundle.total``.

    Raises:
        FhirError: MALFORMED for another value than those of the specification.
    """
    try:
        return Total(value)
    except ValueError:
        raise bad_value("_total", "'none', 'estimate' or 'accurate'") from None


def parse_summary(value: str) -> str | None:
    """Return the summary asked for; None for ``false``.

    Raises:
        FhirError: MALFORMED for another value than those of the specification.
    """
    if value not in SUMMARIES:
        raise bad_value("_summary", f"one of {', '.join(map(shown, SUMMARIES))}")
    return None if value == "false" else value


def parse_score(value: str) -> bool:
    """Return whether each match says how well it fits: wholly, as there are no others.

    Raises:
        FhirError: MALFORMED for another value than ``true`` and ``false``.
    """
    if value not in {"true", "false"}:
        raise bad_value("_score", "'true' or 'false'")
    return value == "true"


def parse_contained(value: str) -> str:
    """Return whether contained resources are looked at: ``false`` (not), ``true`` (they alone) or ``both``.

    Raises:
        FhirError: MALFORMED for another value.

    Spec: https://hl7.org/fhir/R4/search.html#contained
    """
    if value not in CONTAINED:
        raise bad_value("_contained", "'true', 'false' or 'both'")
    return value


def parse_contained_type(value: str) -> str:
    """Return what comes back for a contained resource: its ``container``, or the ``contained`` resource itself.

    Raises:
        FhirError: MALFORMED for another value.
    """
    if value not in CONTAINED_TYPES:
        raise bad_value("_containedType", "'container' or 'contained'")
    return value


def parse_elements(value: str) -> tuple[str, ...]:
    """Return the names of the elements to show; a name may be written ``Type.element``."""
    return tuple(name for name in split(value, ",") if name)
