"""The entrance of a server with access control: whoever shows a good access token is let in.

Spec: https://datatracker.ietf.org/doc/html/rfc6750
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fhir_api.access.caller import Caller
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.rest.contexts import Contexts
from fhir_api.rest.entrance import Admitted, Head, Outcome
from identity.access.errors import InvalidTokenError
from identity.access.hosting.authority import Authority
from identity.access.tokens.verifier import Verified

_PUBLIC = ("metadata",)
_SCHEME = b"bearer "


class TokenEntrance:
    """Lets in who shows a token of the installation's own authorization servers."""

    def __init__(self, contexts: Contexts, authority: Authority) -> None:
        """Give the contexts that *contexts* has to callers whom *authority* knows."""
        self._contexts = contexts
        self._authority = authority

    def public_base(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the FHIR base as the client sees it."""
        return self._contexts.for_host(headers.get(b"host")).base_url

    async def admit(self, head: Head) -> Admitted:
        """Return what the caller may work with.

        Raises:
            FhirError: UNAUTHORIZED: there is no good token; FORBIDDEN: it allows too little.
        """
        context = self._contexts.for_host(head.headers.get(b"host"))
        if head.segments == _PUBLIC:
            return Admitted(context)
        verified = self._verified(head)
        if not all(verified.permissions.decide("Patient", each).is_unrestricted for each in ("read", "delete")):
            raise refuse(ErrorKind.FORBIDDEN, "The token allows too little.")
        return Admitted(replace(context, caller=Caller.unlimited(context.caller.tenant)))

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """Note nothing."""

    def _verified(self, head: Head) -> Verified:
        shown = head.headers.get(b"authorization", b"")
        if shown[: len(_SCHEME)].lower() != _SCHEME:
            raise _unauthorized("An access token is needed: Authorization: Bearer.", "Bearer")
        try:
            return self._authority.verify(shown[len(_SCHEME) :].decode("latin-1").strip())
        except InvalidTokenError as error:
            raise _unauthorized(f"The access token is refused: {error}.", 'Bearer error="invalid_token"') from None


def _unauthorized(diagnostics: str, challenge: str) -> FhirError:
    error = refuse(ErrorKind.UNAUTHORIZED, diagnostics)
    error.challenge = challenge
    return error
