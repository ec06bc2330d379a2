"""Text made comparable: what a string search ignores is taken away.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DROPPED = dict.fromkeys(map(ord, "'`.\u00b4\u2018\u2019\u02bc\u00ad\u200b\u200c\u200d\ufeff"))
"""Apostrophes, full stops, soft hyphens and characters without width."""
_SEPARATORS = re.compile(r"[\W_]+")


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, and with single blanks.

    Apostrophes and full stops vanish (``O'Brien`` is ``obrien``); other punctuation separates words as a blank does.
    The result is empty for a text of punctuation only.
    """
    if text.isascii():
        plain = text.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        plain = "".join(character for character in decomposed if not unicodedata.category(character).startswith("M"))
    return _SEPARATORS.sub(" ", plain.translate(_DROPPED)).strip()
