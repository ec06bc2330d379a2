"""How a request shows an access token: as a bearer token, or bound to a key with a proof beside it.

Spec: https://datatracker.ietf.org/doc/html/rfc6750#section-2.1, https://datatracker.ietf.org/doc/html/rfc9449#section-7
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from identity.access.errors import InvalidTokenError
from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.verifier import Verified

BEARER: Final = "Bearer"
_DPOP: Final = "dpop"
_CHALLENGES: Final = {"bearer": BEARER, _DPOP: f'DPoP algs="{" ".join(ALGORITHMS)}"'}


class Shown(NamedTuple):
    """What a request shows of its sender.

    Attributes:
        authorization: the header of this name; empty: there is none.
        proof: the header ``DPoP``; empty: there is none.
        method: HTTP verb as sent.
        path: below the host, as sent, without the query.
        host: the header of this name.
    """

    authorization: str
    proof: str
    method: str
    path: str
    host: str


class Verifies(Protocol):
    """Knows which tokens are good."""

    def verify(self, token: str) -> Verified:
        """Return what a bearer token says.

        Raises:
            InvalidTokenError: it is not good, or is bound to a key.
        """

    async def verify_proven(self, token: str, shown: Shown) -> Verified:
        """Return what a token says that is bound to the key that made the proof shown beside it.

        Raises:
            InvalidTokenError: the token or the proof is not good, or the token is bound to no key.
        """


class RefusedError(Exception):
    """Nobody is known by what was shown.

    Attributes:
        challenge: for ``WWW-Authenticate``.
    """

    def __init__(self, text: str, challenge: str) -> None:
        super().__init__(text)
        self.challenge = challenge


async def verified(verifies: Verifies, shown: Shown) -> Verified:
    """Return what the token says that a request shows.

    Raises:
        RefusedError: it shows none, or none that is good.
    """
    scheme, _, token = shown.authorization.partition(" ")
    kind, token = scheme.lower(), token.strip()
    if kind not in _CHALLENGES or not token:
        raise RefusedError("An access token is needed: Authorization: Bearer.", BEARER)
    try:
        return await verifies.verify_proven(token, shown) if kind == _DPOP else verifies.verify(token)
    except InvalidTokenError as error:
        separator = " " if kind == "bearer" else ", "
        challenge = f'{_CHALLENGES[kind]}{separator}error="invalid_token"'
        raise RefusedError(f"The access token is refused: {error}.", challenge) from None
