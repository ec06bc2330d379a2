"""Conditions on rows of ``string``, which hold texts and uris.

Meaning of the comparisons: ``fhir_api.search.types.string`` and ``uri``.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.folding import fold
from fhir_api.search.query import StringValue, UriValue, Value, WordsValue
from fhir_api.search.types.uri import URN, start_below, starts_above
from fhir_api.store.postgres.encode import FOLDED_LENGTH
from fhir_api.store.postgres.hashing import Hasher, leading
from fhir_api.store.postgres.statement import Arguments

_LAST = b"\xff"
_TEXT_OPERATORS = {"equals": "=", "gt": ">", "lt": "<", "ge": ">=", "le": "<="}


class Texts:
    """Writes conditions on an alias ``x`` of ``string`` into one statement."""

    def __init__(self, arguments: Arguments, hasher: Hasher) -> None:
        self._arguments = arguments
        self._hasher = hasher

    def string(self, key: str, value: Value, modifier: str | None) -> str:
        """Return the condition of a text parameter."""
        text = value.text if isinstance(value, StringValue) else ""
        folded = fold(text)[:FOLDED_LENGTH]
        if modifier == "exact":
            exact = self._arguments.bind(self._hasher.text(text))
            return f"(x.param = {key} AND x.folded = {self._arguments.bind(folded, 'text')} AND x.exact = {exact})"
        return f"(x.param = {key} AND {self._compared(folded, modifier) if folded else 'false'})"

    def _compared(self, wanted: str, modifier: str | None) -> str:
        if modifier in {None, "starts-with"}:
            return self.starts_with(wanted)
        bound = self._arguments.bind(wanted, "text")
        match modifier:
            case "contains":
                return f"strpos(x.folded, {bound}) > 0"
            case "word":
                return f"strpos(' ' || x.folded, ' ' || {bound}) > 0"
            case "ends-with":
                return f"right(x.folded, char_length({bound})) = {bound}"
            case _:
                return f"x.folded {_TEXT_OPERATORS[modifier]} {bound}"

    def many(self, key: str, values: Sequence[Value]) -> tuple[str, str]:
        """Return the condition of texts that begin with one of many values, and the FROM item ``v`` it speaks of."""
        starts = [fold(value.text)[:FOLDED_LENGTH] for value in values if isinstance(value, StringValue)]
        lows = [start for start in starts if start]
        highs = [_successor(start) for start in lows]
        bounds = f"{self._arguments.bind(lows, 'text[]')}, {self._arguments.bind(highs, 'text[]')}"
        return f"x.param = {key} AND x.folded >= v.low AND x.folded < v.high", f"unnest({bounds}) v(low, high)"

    def hashes(self, key: str, values: Sequence[Value]) -> str:
        """Return SQL for the hashes of the texts beside codes that begin with one of *values*."""
        starts = [fold(value.text)[:FOLDED_LENGTH] for value in values if isinstance(value, StringValue)]
        bind = self._arguments.bind
        selects = [
            f"SELECT k.hash FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = {key} "
            f"AND k.code_hash BETWEEN {bind(leading(start))} AND {bind(leading(start, _LAST))} "
            f"AND starts_with(k.code, {bind(start, 'text')})"
            for start in starts
            if start
        ]
        return f"ARRAY({' UNION '.join(selects) or 'SELECT NULL::bigint WHERE false'})"

    def with_words(self, key: str, values: Sequence[Value]) -> str:
        """Return SQL for the hashes of the sets of words that have all words of one of *values*."""
        word = "SELECT k.hash FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = {} AND k.code_hash = {}"
        sought = [value.words for value in values if isinstance(value, WordsValue)]
        bind, hashed = self._arguments.bind, self._hasher.word
        sets = (" INTERSECT ".join(word.format(key, bind(hashed(each))) for each in words) for words in sought)
        return f"ARRAY({' UNION '.join(f'({each})' for each in sets)})"

    def starts_with(self, start: str) -> str:
        """Return the condition that a folded text begins with *start*; nothing begins with a value that is empty."""
        if not start:
            return "false"
        low, high = self._arguments.bind(start, "text"), self._arguments.bind(_successor(start), "text")
        return f"x.folded >= {low} AND x.folded < {high}"

    def uri(self, key: str, value: Value, modifier: str | None) -> str:
        """Return the condition of a uri parameter."""
        uri = value.uri if isinstance(value, UriValue) else ""
        if modifier == "below":
            inside = self.starts_with(start_below(uri)[:FOLDED_LENGTH])
            if URN.startswith(uri):
                inside = f"({inside} AND NOT ({self.starts_with(URN)}))"
            return f"(x.param = {key} AND ({self._is_uri([uri])} OR {inside}))"
        if modifier == "above":
            return f"(x.param = {key} AND {self._is_uri(starts_above(uri))})"
        if modifier is not None:
            return f"(x.param = {key} AND {self._compared(uri[:FOLDED_LENGTH], modifier)})"
        return f"(x.param = {key} AND {self._is_uri([uri])})"

    def _is_uri(self, uris: Sequence[str]) -> str:
        texts = self._arguments.bind([uri[:FOLDED_LENGTH] for uri in uris], "text[]")
        hashes = self._arguments.bind([self._hasher.text(uri) for uri in uris], "bigint[]")
        return f"(x.folded = ANY({texts}) AND x.exact = ANY({hashes}))"


def _successor(start: str) -> str:
    """Return the least text (in code point order) above every text that begins with *start*."""
    # U+10FFFF is no character, so nothing that is stored begins with start and sorts behind this
    return f"{start}\U0010ffff"
