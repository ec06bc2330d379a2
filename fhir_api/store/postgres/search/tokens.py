"""Which rows of ``token`` a value finds: hashes of codes, some of them looked up in ``token_code``.

Meaning of the values: ``fhir_api.search.types.token``.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.query import TokenValue, Value
from fhir_api.search.types.token import media_types_below
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.statement import Arguments


class Tokens:
    """Finds the hashes of codes for one statement."""

    def __init__(self, arguments: Arguments, hasher: Hasher) -> None:
        self._arguments = arguments
        self._hasher = hasher

    def hashes(self, key: str, values: Sequence[Value], modifier: str | None = None) -> str:
        """Return SQL for the hashes of token values; what has no system, or no code, is looked up in ``token_code``."""
        hasher = self._hasher
        exact: list[int] = []
        codes: list[int] = []
        systems: list[str] = []
        for value in values:
            if not isinstance(value, TokenValue):
                continue
            if modifier == "of-type":
                exact.append(hasher.of_type(value.system, value.type_code or "", value.code or ""))
            elif value.any_system:
                exact.append(hasher.bare(value.code or ""))
                codes.append(hasher.token(None, value.code or ""))
            elif value.code is None:
                exact.append(hasher.token(value.system, ""))
                systems.append(value.system or "")
            else:
                exact.append(hasher.token(value.system, value.code))
        array = self._hash_array(exact)
        stored = "SELECT k.hash FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = {} AND k.{} = ANY({})"
        if codes:
            array += f" || ARRAY({stored.format(key, 'code_hash', self._hash_array(codes))})"
        if systems:
            array += f" || ARRAY({stored.format(key, 'system', self._arguments.bind(systems, 'text[]'))})"
        return array

    def media_types(self, key: str, values: Sequence[Value]) -> str:
        """Return SQL for the hashes of the media types that are one of *values* or below it."""
        bind = self._arguments.bind
        codes = [value.code for value in values if isinstance(value, TokenValue) and value.code]
        starts = [start for code in codes for start in media_types_below(code)]
        begins = " OR ".join(f"starts_with(k.code, {bind(start, 'text')})" for start in starts)
        return (
            f"ARRAY(SELECT k.hash FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = {key} "
            f"AND (k.code = ANY({bind(codes, 'text[]')}) OR {begins}))"
        )

    def _hash_array(self, hashes: Sequence[int]) -> str:
        return self._arguments.bind(list(hashes), "bigint[]")


def sets_with(key: str, parts: str, values: str) -> str:
    """Return SQL for the hashes of the sets in which the parameter has one of *values*, SQL of a ``bigint[]``.

    *key* and *parts* are as in :class:`fhir_api.store.postgres.search.rows.Keys`.
    """
    members = f"ANY(ARRAY(SELECT -p.number FROM unnest({parts}) p(number)))" if parts else f"-{key}"
    return (
        "ARRAY(SELECT DISTINCT k.hash FROM fhir.token_code k WHERE k.tenant_id = c.tenant "
        f"AND k.param = {members} AND k.code_hash = ANY({values}))"
    )
