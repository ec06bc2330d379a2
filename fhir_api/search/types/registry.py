"""Every type of search parameter by its name.

Spec: https://hl7.org/fhir/R4/valueset-search-param-type.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fhir_api.search.types import date, number, quantity, reference, string, token, uri

LEAVES: Final[Mapping[str, Mapping[str, Callable[..., None]]]] = {
    "token": token.LEAVES,
    "reference": reference.LEAVES,
    "date": date.LEAVES,
    "string": string.LEAVES,
    "number": number.LEAVES,
    "quantity": quantity.LEAVES,
    "uri": uri.LEAVES,
}
"""For each type of parameter and each FHIR type: what puts an element into the index."""
