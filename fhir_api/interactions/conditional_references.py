"""Conditional references, ``Patient?identifier=http://x|1``: replaced by the one resource that matches.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re

import orjson

from fhir_api.interactions.conditions import criteria, one_match
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.store.port import Reader

_CONDITIONAL = re.compile(rb'"reference":("([A-Z][A-Za-z]{1,63})\?(?:[^"\\]|\\.)+")')


def is_conditional(text: bytes) -> bool:
    """Tell whether a resource's compact JSON holds a conditional reference."""
    return b"?" in text and _CONDITIONAL.search(text) is not None


class ConditionalReferences:
    """What the conditional references of one transaction match; each is looked up once."""

    def __init__(self, context: Context, store: Reader) -> None:
        self._context = context
        self._store = store
        self._found: dict[bytes, bytes] = {}

    async def resolved(self, text: bytes) -> bytes:
        """Return a resource's compact JSON with those references replaced that match now; others stay.

        Raises:
            FhirError: PRECONDITION_FAILED when several resources match; whatever criteria are refused for.
        """
        for literal, resource_type in set(_CONDITIONAL.findall(text)):
            if literal not in self._found:
                await self._look_up(literal, resource_type.decode())
        return _CONDITIONAL.sub(lambda match: b'"reference":' + self._found.get(match[1], match[1]), text)

    async def _look_up(self, literal: bytes, resource_type: str) -> None:
        query = str(orjson.loads(literal)).partition("?")[2]
        key = await one_match(
            self._store, resource_type, await criteria(self._context, self._store, resource_type, query)
        )
        if key is not None:
            self._found[literal] = f'"{key}"'.encode()


def unmatched(text: bytes) -> FhirError:
    """Make the error of a resource whose conditional reference matches nothing."""
    match = _CONDITIONAL.search(text)
    resource_type = match[2].decode() if match else "resource"
    return refuse(ErrorKind.UNPROCESSABLE, f"A conditional reference matches no {resource_type}.", code="not-found")
