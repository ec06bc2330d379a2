"""Messages, and what was made of them, as they lie in the database: sealed where their tenant has a key.

See docs/decisions/0026-keys-of-tenants.md.
"""

from __future__ import annotations

from typing import Final

from stanforis.tenancy.keys import SEALED

from fhir_api.store.postgres.bodies import KEYS

_PLAIN: Final = b"\x00"
"""What stands before a text that is not sealed and begins as if it were, or with this very byte."""


def sealed(tenant: int, text: bytes) -> bytes:
    """Return *text* sealed with the key of *tenant*; as it is where there is none, and nothing stays nothing."""
    if not text:
        return text
    kept = KEYS.seal(tenant, text)
    return _PLAIN + text if kept is text and text[0] in (SEALED, _PLAIN[0]) else kept


def opened(kept: bytes) -> bytes:
    """Return the text that :func:`sealed` was given.

    Raises:
        TenantKeyError: its key was destroyed.
    """
    if kept[:1] == _PLAIN:
        return kept[1:]
    return KEYS.open(kept) if kept and kept[0] == SEALED else kept
