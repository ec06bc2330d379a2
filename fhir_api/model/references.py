"""Literal references: what the text of ``Reference.reference`` points at.

Spec: https://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fhir_api.model.keys import ResourceKey

_RESTFUL = re.compile(
    r"(?:(?P<base>https?://[^?#\s]*?)/)?(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?(?:#.*)?"
)


class RestfulReference(NamedTuple):
    """A reference of the form ``[base/]Type/id[/_history/version]``; *base* is None when it is relative."""

    base: str | None
    key: ResourceKey
    version_id: str | None


def parse_restful(text: str) -> RestfulReference | None:
    """Read a RESTful reference; None for urn, fragment, conditional and other forms."""
    match = _RESTFUL.fullmatch(text)
    if match is None:
        return None
    return RestfulReference(match["base"], ResourceKey(match["type"], match["id"]), match["version"])
