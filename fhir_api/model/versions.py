"""A stored version of a resource, and how its bytes leave the server.

The stored body carries no ``meta.versionId`` and ``meta.lastUpdated``: the store decides both when it commits, and
:meth:`StoredVersion.resource` puts them in on the way out. So a version can be written without knowing its number, an
unchanged update is seen by comparing bytes, and bodies compress better.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache

from msgspec import Struct

from fhir_api.model.keys import ResourceKey


class Change(IntEnum):
    """What made a version; the numbers are stored."""

    CREATE = 1
    UPDATE = 2
    DELETE = 3
    PATCH = 4

    @property
    def method(self) -> str:
        """The HTTP verb that ``Bundle.entry.request.method`` shows in a history."""
        return _METHODS[self]


_CLOSING = ord("}")
_METHODS = {Change.CREATE: "POST", Change.UPDATE: "PUT", Change.DELETE: "DELETE", Change.PATCH: "PATCH"}


@lru_cache(maxsize=4096)
def instant(milliseconds: int) -> str:
    """Return milliseconds since 1970 as a FHIR instant in UTC, such as ``2026-11-23T08:00:00.123Z``."""
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class StoredVersion(Struct, frozen=True, gc=False):
    """One version of one resource, as stored.

    Attributes:
        key: type and logical id.
        version_id: 1, 2, 3 … within the resource; goes on after a deletion.
        last_updated: milliseconds since 1970, UTC.
        change: what made this version.
        body: compact JSON as :func:`fhir_api.model.resource.body` lays it out; empty for a deletion.
        unchanged: given back by a write that found it stored already, and so stored nothing.
        is_new: given back by a write that found nothing there: nothing ever, or a deletion.
    """

    key: ResourceKey
    version_id: int
    last_updated: int
    change: Change
    body: bytes
    unchanged: bool = False
    is_new: bool = False

    @property
    def is_deletion(self) -> bool:
        """Whether this version says that the resource is gone."""
        return self.change is Change.DELETE

    @property
    def etag(self) -> str:
        """The weak ETag of this version, ``W/"3"``."""
        return f'W/"{self.version_id}"'

    def resource(self) -> bytes:
        """Return the resource as compact JSON, with ``meta.versionId`` and ``meta.lastUpdated``."""
        return b"".join(self.pieces(""))

    def pieces(self, before: str) -> tuple[bytes, bytes]:
        """Return the same in two pieces, the first of them behind *before*."""
        resource_type, logical_id = self.key
        # {"resourceType":"…","id":"…","meta":{ : every stored body starts like this
        at = 35 + len(resource_type) + len(logical_id)
        body = self.body
        comma = "" if body[at] == _CLOSING else ","
        start = (
            f'{before}{{"resourceType":"{resource_type}","id":"{logical_id}","meta":{{"versionId":"{self.version_id}",'
            f'"lastUpdated":"{instant(self.last_updated)}"{comma}'
        )
        return start.encode(), body[at:]
