"""The codes that a modifier means: ``:in`` a value set, ``:below`` or ``:above`` a code.

Spec: https://hl7.org/fhir/R4/search.html#token
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.search.query import TokenValue
from fhir_api.search.refusals import shown
from fhir_api.terminology import Terminology

MOST_CODES: Final = 20_000
"""How many codes one value of a search may stand for."""

_MODIFIERS = re.compile(r":(?:in|not-in|above|below)\b")
_OPERATORS = re.compile(r"\s(?:in|ni|ss|sb)\s")


def asks_for_codes(pairs: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a search may need :class:`CodeSets`."""
    return any(_MODIFIERS.search(name) or (name == "_filter" and _OPERATORS.search(value)) for name, value in pairs)


class CodeSets:
    """Codes by value set and by hierarchy, of one terminology."""

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology

    def members(self, value_set: str) -> tuple[TokenValue, ...]:
        """Return the codes of a value set, given by its canonical or as ``ValueSet/id``.

        Raises:
            FhirError: NOT_FOUND where it is not known, or not all of its codes are; TOO_COSTLY where they are too many.
            NotAtHandError: a definition has to be fetched first.
        """
        expansion = self._terminology.expand(value_set, MOST_CODES + 1)
        if expansion.obstacles:
            raise refuse(ErrorKind.NOT_FOUND, " ".join(expansion.obstacles), code="not-found")
        if len(expansion.concepts) > MOST_CODES:
            message = f"The value set {shown(value_set)} has more than {MOST_CODES} codes, too many to search for."
            raise refuse(ErrorKind.TOO_COSTLY, message)
        return tuple(TokenValue(concept.system, concept.code) for concept in expansion.concepts)

    def below(self, system: str, code: str) -> tuple[TokenValue, ...]:
        """Return a code and all that it subsumes; raises as :meth:`members`."""
        return self._related(system, code, self._terminology.code_system(system).descendants(code))

    def above(self, system: str, code: str) -> tuple[TokenValue, ...]:
        """Return a code and all that subsume it; raises as :meth:`members`."""
        return self._related(system, code, self._terminology.code_system(system).ancestors(code))

    def _related(self, system: str, code: str, others: Iterable[str]) -> tuple[TokenValue, ...]:
        if not self._terminology.code_system(system).is_listed:
            raise _not_known(system)
        return tuple(TokenValue(system, each) for each in dict.fromkeys((code, *sorted(others))))


def _not_known(system: str) -> FhirError:
    message = f"The concepts of the code system {shown(system)} are not known, so neither is what lies below or above."
    return refuse(ErrorKind.NOT_FOUND, message, code="not-found")
