"""Which rows of ``reference`` a value finds: hashes of what is pointed at.

Meaning of the values: ``fhir_api.search.types.reference``.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.model.derived import Derived
from fhir_api.search.query import ReferenceValue, TokenValue, Value
from fhir_api.store.postgres.hashing import Hasher, tells
from fhir_api.store.postgres.statement import Arguments


class References:
    """Finds the hashes of targets for one statement."""

    def __init__(self, arguments: Arguments, hasher: Hasher) -> None:
        self._arguments = arguments
        self._hasher = hasher

    def hierarchy(self, values: Sequence[Value], *, upward: bool) -> str:
        """Return SQL for the hashes of references, with all that are above or below them."""
        known = (parent for value in values if isinstance(value, ReferenceValue) for parent in value.parents)
        numbers = sorted({number for parent in known for number in parent.numbers})
        parents = self._arguments.bind(numbers, "integer[]")
        roots = self.array(self.hashes(values))
        up = (
            "SELECT f.target FROM h JOIN fhir.resource r ON r.tenant_id = c.tenant AND r.id_hash = h.hash "
            "AND r.change <> 3 JOIN fhir.reference f ON f.tenant_id = c.tenant AND f.rid = r.rid "
            f"AND f.param = ANY({parents})"
        )
        down = (
            f"SELECT r.id_hash FROM h JOIN fhir.reference f ON f.tenant_id = c.tenant AND f.param = ANY({parents}) "
            "AND f.target = h.hash JOIN fhir.resource r ON r.tenant_id = c.tenant AND r.rid = f.rid"
        )
        step = up if upward else down
        return f"ARRAY(WITH RECURSIVE h(hash) AS (SELECT unnest({roots}) UNION {step}) SELECT hash FROM h)"

    def versions(self, key: str, values: Sequence[Value]) -> str:
        """Return SQL for the hashes of canonicals whose versions begin with those of *values*."""
        bind, text = self._arguments.bind, self._hasher.text
        selects = [
            f"SELECT k.hash FROM fhir.token_code k WHERE k.tenant_id = c.tenant AND k.param = {key} "
            f"AND k.code_hash = ANY({self.array([text(each) for each in value.candidates])}) "
            f"AND (k.code = {bind(value.version, 'text')} OR starts_with(k.code, {bind(f'{value.version}.', 'text')}))"
            for value in values
            if isinstance(value, ReferenceValue)
        ]
        return f"ARRAY({' UNION '.join(selects)})"

    def logical(self, values: Sequence[Value]) -> str:
        """Return SQL for the hashes of references by identifier."""
        hasher = self._hasher
        tokens = [value for value in values if isinstance(value, TokenValue)]
        bare = [hasher.bare_logical(value.code or "") for value in tokens if value.any_system]
        return self.array(
            bare + [hasher.logical(value.system, value.code or "") for value in tokens if not value.any_system]
        )

    def hashes(self, values: Sequence[Value], only: str | None = None) -> list[int]:
        """Return the hashes of what references with these values point at, if *only* to one type."""
        hasher = self._hasher
        match values:
            case [ReferenceValue(candidates=candidates, version=None)] if only is None or _all_tell(candidates, only):
                return hasher.texts(candidates)
        targets = [
            f"{target}|{value.version}" if value.version else target
            for value in values
            if isinstance(value, ReferenceValue)
            for target in value.candidates
        ]
        if only is None:
            return [hasher.text(target) for target in targets]
        return [hasher.text(target) if tells(target, only) else hasher.typed(only, target) for target in targets]

    def array(self, hashes: list[int]) -> str:
        """Return the text that stands for *hashes* in the statement."""
        return self._arguments.bind(hashes, "bigint[]")


def _all_tell(candidates: tuple[str, ...], only: str) -> bool:
    return _kinds.of(candidates) == {only}


_kinds = Derived[str, frozenset[str]](lambda candidates: frozenset(each.partition("/")[0] for each in candidates))
