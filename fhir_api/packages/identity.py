"""Under which ids the resources of a package are stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from fhir_api.model.keys import ResourceKey
from fhir_api.packages.npm import Manifest, Packaged

_DIGITS = 20
_KEPT = 64 - _DIGITS - 1
_UNUSABLE = re.compile(r"[^A-Za-z0-9\-.]")
_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})"')


def key_in(manifest: Manifest, packaged: Packaged) -> ResourceKey:
    """Return the key of a resource of a package: always the same, and no other package's or version's.

    The id begins with the resource's own, so that people recognise it.
    """
    resource = packaged.resource
    own = resource.logical_id or packaged.path.rpartition("/")[2].removesuffix(".json")
    named = f"{manifest}/{resource.resource_type}/{own}"
    digits = sha256(named.encode()).hexdigest()[:_DIGITS]
    return ResourceKey(resource.resource_type, f"{_UNUSABLE.sub('-', own)[:_KEPT]}-{digits}")


def readdressed(text: bytes, keys: Mapping[tuple[str, str], ResourceKey]) -> bytes:
    """Return a resource's compact JSON with references to resources of its own package led to where they are stored.

    Args:
        text: as :func:`fhir_api.model.resource.compact` gives it.
        keys: where the package's resources are stored, by type and own id.
    """

    def stored(match: re.Match[bytes]) -> bytes:
        key = keys.get((match[1].decode(), match[2].decode()))
        return match[0] if key is None else f'"reference":"{key}"'.encode()

    return _REFERENCE.sub(stored, text)
