"""Language tags.

Spec: https://www.rfc-editor.org/rfc/rfc5646#section-2.1
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fhir_api.terminology.codes import Truth
from fhir_api.terminology.registries import subtags

_TAG: Final = re.compile(
    r"""
    (?P<language>[a-z]{2,8})(?P<extlang>(?:-[a-z]{3}){0,3})
    (?:-(?P<script>[a-z]{4}))?
    (?:-(?P<region>[a-z]{2}|[0-9]{3}))?
    (?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)
    (?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*
    (?:-x(?:-[a-z0-9]{1,8})+)?
    """,
    re.VERBOSE,
)
_PRIVATE: Final = re.compile(r"x(?:-[a-z0-9]{1,8})+")
_LONGEST: Final = 100


@lru_cache(maxsize=1024)
def is_language(code: str) -> Truth:
    """Tell whether a text is a language tag.

    A language, extended language or region that is not registered makes it none; for a script or a variant it cannot be
    told, since new ones are registered each year.
    """
    tag = code.lower()
    if len(tag) > _LONGEST:
        return False
    registered = subtags()
    if tag in registered["grandfathered"] or _PRIVATE.fullmatch(tag):
        return True
    parts = _TAG.fullmatch(tag)
    if parts is None or parts["language"] not in registered["language"]:
        return False
    if not registered["extlang"].issuperset(parts["extlang"].split("-")[1:]):
        return False
    if parts["region"] is not None and parts["region"] not in registered["region"]:
        return False
    is_settled = parts["script"] is None or parts["script"] in registered["script"]
    is_settled = is_settled and registered["variant"].issuperset(parts["variants"].split("-")[1:])
    return True if is_settled else None
