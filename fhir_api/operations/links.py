"""What a stored resource points at on this server.

Spec: https://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations

import re
from functools import lru_cache

from fhir_api.model.keys import ResourceKey


def links(body: bytes, base_url: str) -> list[ResourceKey]:
    """Return the resources that the JSON of one points at by literal references, each once, in order.

    The URLs of attachments count too: the content of many a document is a Binary.
    """
    found = _pattern(base_url).findall(body)
    return list(dict.fromkeys(ResourceKey(name.decode(), logical_id.decode()) for name, logical_id in found))


@lru_cache(maxsize=64)
def _pattern(base_url: str) -> re.Pattern[bytes]:
    base = re.escape(f"{base_url}/".encode())
    return re.compile(
        rb'"(?:reference|url)":"(?:' + base + rb')?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[^"/]+)?"'
    )
