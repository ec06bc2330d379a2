"""64-bit hashes that stand for texts in the index tables.

They are keyed by the installation's secret seed: whoever can write a resource still cannot prepare a value that
collides with another one's. Results are signed, as PostgreSQL's bigint is.
"""

from __future__ import annotations

import marshal

from xxhash import xxh3_64_intdigest

from fhir_api.model.derived import Derived
from fhir_api.model.keys import ResourceKey

_SIGN = 1 << 63
_WRAP = 1 << 64
_CACHE_LIMIT = 16_384
_SETS_LIMIT = 4_096


class Hasher:
    """Hashes of one installation."""

    def __init__(self, seed: int) -> None:
        self._seed = seed % _WRAP
        self._tokens: dict[tuple[str | None, str], int] = {}
        self._sets: dict[frozenset[str], int] = {}
        self._gathered: dict[frozenset[tuple[object, ...]], int] = {}
        self._texts = Derived[str, list[int]](lambda texts: [self.text(text) for text in texts])

    def text(self, text: str) -> int:
        """Return the hash of *text*."""
        value = xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"), self._seed)
        return value - _WRAP if value >= _SIGN else value

    def texts(self, texts: tuple[str, ...]) -> list[int]:
        """Return the hash of each of *texts*; the same list for the same tuple, so nobody may change it."""
        return self._texts.of(texts)

    def content(self, content: bytes) -> int:
        """Return the hash of *content*."""
        value = xxh3_64_intdigest(content, self._seed)
        return value - _WRAP if value >= _SIGN else value

    def key(self, key: ResourceKey) -> int:
        """Return the hash of ``Type/id``; the same as of a reference with that text."""
        return self.text(f"{key.resource_type}/{key.logical_id}")

    def token(self, system: str | None, code: str) -> int:
        """Return the hash of ``system|code``; an absent system and an empty one are the same."""
        known = self._tokens.get((system, code))
        if known is None:
            if len(self._tokens) > _CACHE_LIMIT:
                self._tokens.clear()
            known = self._tokens[system, code] = self.text(f"{system or ''}|{code}")
        return known

    def bare(self, code: str) -> int:
        """Return the hash that finds *code* whatever its system."""
        return self.text(f"\x00{code}")

    def typed(self, only: str, target: str) -> int:
        """Return the hash of a reference to the type *only* whose text does not tell it; see :func:`tells`."""
        return self.text(f"\x08{only}|{target}")

    def of_type(self, system: str | None, type_code: str, value: str) -> int:
        """Return the hash for ``:of-type``."""
        return self.text(f"\x02{system or ''}|{type_code}|{value}")

    def logical(self, system: str | None, value: str) -> int:
        """Return the hash of a logical reference (``:identifier``)."""
        return self.text(f"\x01{system or ''}|{value}")

    def bare_logical(self, value: str) -> int:
        """Return the hash of a logical reference whatever its system."""
        return self.text(f"\x03{value}")

    def folded(self, text: str) -> int:
        """Return the hash of a folded text beside a code (``:text``)."""
        return self.token("\x05", text)

    def word(self, word: str) -> int:
        """Return the hash of a folded word (``_content``, ``_text``)."""
        return self.token("\x06", word)

    def words(self, words: frozenset[str]) -> int:
        """Return the hash of a set of words."""
        known = self._sets.get(words)
        if known is None:
            if len(self._sets) > _SETS_LIMIT:
                self._sets.clear()
            known = self._sets[words] = self.text(f"\x07{' '.join(sorted(words))}")
        return known

    def gathered(self, members: frozenset[tuple[object, ...]]) -> int:
        """Return the hash of a set of parameters with hashes of their values."""
        known = self._gathered.get(members)
        if known is None:
            if len(self._gathered) > _SETS_LIMIT:
                self._gathered.clear()
            known = self._gathered[members] = self.content(marshal.dumps(sorted(members, key=str), 2))
        return known

    def dimension(self, dimension: str) -> int:
        """Return the hash that finds the units of a dimension."""
        return self.text(f"\x04{dimension}")


def tells(target: str, only: str) -> bool:
    """Tell whether what a reference points at is of the type *only*, by its text alone."""
    return target.startswith(only) and target[len(only) : len(only) + 1] == "/"


def leading(text: str, filler: bytes = b"\0") -> int:
    """Return the first eight bytes of *text* as a number, so that texts with the same beginning lie together.

    They lie between the number of the beginning with *filler* zero and the one with *filler* 255.
    """
    return int.from_bytes(text.encode("utf-8", "surrogatepass")[:8].ljust(8, filler), "big") - _SIGN
