"""The id that ties a request to its log line, its trace and its answer (header ``X-Request-Id``)."""

from __future__ import annotations

import re
from os import urandom

_USABLE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id(sent: bytes | None) -> str:
    """Return the id the client *sent* when it is short and plain, otherwise a new one of 16 hexadecimal digits."""
    if sent is not None and _USABLE.fullmatch(sent):
        return sent.decode("ascii")
    return urandom(8).hex()
