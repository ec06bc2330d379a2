"""How much work one query may make.

Spec: https://hl7.org/fhir/R4/security.html#availability
"""

from __future__ import annotations

from typing import Final

from fhir_api.operations.graphql.errors import QueryError

MOST_VALUES: Final = 500_000
"""Values that one query may look at or give back, each counted again in each walk."""


class Budget:
    """Counts the values that a query has looked at."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def spend(self, values: int = 1) -> None:
        """Count *values*.

        Raises:
            QueryError: there are too many.
        """
        self._left -= values
        if self._left < 0:
            raise QueryError(f"The query looks at more than {MOST_VALUES} values", code="too-costly")
