"""Forms that only the browser they were written for can send (against CSRF)."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from urllib.parse import parse_qsl

from fastapi import Request

from adapters.hl7.operation.desk import DeskError
from adapters.hl7.operation.rights import Operator

KeyedHash = Callable[[str, str], str]
"""Hashes a text for a purpose with a key that nobody else has."""
_FORM = "application/x-www-form-urlencoded"
_MOST_BYTES = 48 << 20
"""The longest message, with a good part of its characters written as three."""
_MOST_FIELDS = 50


class Forms:
    """Writes and checks what forms carry."""

    def __init__(self, keyed_hash: KeyedHash) -> None:
        """Use *keyed_hash*."""
        self._keyed_hash = keyed_hash

    def token(self, operator: Operator, purpose: str) -> str:
        """Return what a form for *purpose* carries."""
        return self._keyed_hash("hl7 form", f"{purpose}\0{operator.secret}")

    def check(self, operator: Operator, purpose: str, token: str) -> None:
        """Check a form that was sent.

        Raises:
            DeskError: it was not written for this browser and purpose (403).
        """
        if not compare_digest(self.token(operator, purpose).encode(), token.encode()):
            raise DeskError(403, "The form was not written for this browser, or is too old. Go back and try again.")

    async def sent(self, request: Request, purpose: str) -> dict[str, str]:
        """Return a form for *purpose* that an operator sent.

        Raises:
            DeskError: as :func:`sent_form` and :meth:`check`.
        """
        found = await sent_form(request)
        self.check(operator_of(request), purpose, found.get("form", ""))
        return found


def operator_of(request: Request) -> Operator:
    """Return who asks, once they were let in."""
    operator: Operator = request.state.operator
    return operator


async def sent_form(request: Request) -> dict[str, str]:
    """Return the form that was sent.

    Raises:
        DeskError: there is none, it is too long or it cannot be read.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise DeskError(415, f"Expected is a form ({_FORM}).")
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > _MOST_BYTES:
            raise DeskError(413, f"A form has at most {_MOST_BYTES} bytes.")
    try:
        sent = parse_qsl(parts.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise DeskError(422, "The form cannot be read.") from None
    return dict(sent)
