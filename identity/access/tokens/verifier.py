"""Verifying an access token: fully when it is new, by memory when it was seen before.

Spec: https://datatracker.ietf.org/doc/html/rfc9068#section-4
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from identity.access.clock import Clock, system_clock
from identity.access.errors import InvalidTokenError, OAuthError
from identity.access.scopes.permissions import Permissions, compile_scope
from identity.access.tokens.claims import AccessToken
from identity.access.tokens.compact import parse
from identity.access.tokens.jwk import VerificationKey
from identity.access.tokens.revocations import Revocations

FindKey = Callable[[str], VerificationKey | None]
_TYPES = frozenset({"at+jwt"})
_SKEW = 5
"""Seconds by which the clocks of issuer and verifier may differ."""
_decode = msgspec.json.Decoder(AccessToken).decode


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say to be meant for this server.

    Attributes:
        issuer: URL of the authorization server, exactly.
        audience: base URL of this server, exactly.
        tenant: whose resources are meant, exactly; None where nothing is expected.
    """

    issuer: str
    audience: str
    tenant: int | None = None


FindExpected = Callable[[str], Expected | None]
"""Gives what is expected of the tokens of an issuer; None where the issuer is not believed."""


@dataclass(slots=True)
class Verified:
    """A token that was verified.

    Attributes:
        claims: what it says.
        permissions: what its scope allows, compiled.
        generation: the revocations that were looked at.
    """

    claims: AccessToken
    permissions: Permissions
    generation: int


class Verifier:
    """Verifies access tokens; not to be shared between threads."""

    def __init__(
        self,
        find_key: FindKey,
        expected: Expected | FindExpected,
        revocations: Revocations | None = None,
        *,
        remembered: int = 4096,
        clock: Clock = system_clock,
    ) -> None:
        """Verify with the keys that *find_key* gives.

        Args:
            find_key: gives the key of a ``kid``.
            expected: of all tokens, or by their issuer.
            revocations: what is not good any more.
            remembered: how many tokens are kept in memory.
            clock: the time.
        """
        self._find_key = find_key
        self._expected = {expected.issuer: expected}.get if isinstance(expected, Expected) else expected
        self._revocations = revocations or Revocations(clock)
        self._remembered = remembered
        self._clock = clock
        self._seen: OrderedDict[str, Verified] = OrderedDict()

    def verify(self, token: str, proven_key: str | None = None) -> Verified:
        """Return what *token* says and allows to whoever shows it.

        Args:
            token: as it was shown.
            proven_key: thumbprint of the key whose holding was proven (``grants.proof``), if any was.

        Raises:
            InvalidTokenError: it is malformed, not ours, not for us, not signed by a known key, expired, revoked, or
                bound to a key that was not proven.
        """
        verified = self.read(token)
        bound_to = verified.claims.confirmation
        if bound_to is not None and bound_to.jkt != proven_key:
            raise InvalidTokenError("the token is bound to a key that was not proven")
        return verified

    def read(self, token: str) -> Verified:
        """Return what *token* says, whoever shows it: to tell about it, never to give access.

        Raises:
            InvalidTokenError: as for :meth:`verify`, but for the key.
        """
        seen = self._seen.get(token)
        if seen is None:
            return self._remember(token, self._verify(token))
        if self._clock() >= seen.claims.expires_at:
            del self._seen[token]
            raise InvalidTokenError("the token has expired")
        if seen.generation != self._revocations.generation:
            self._refuse_revoked(seen.claims)
            seen.generation = self._revocations.generation
        self._seen.move_to_end(token)
        return seen

    def forget(self) -> None:
        """Verify every token anew: to be called when a key is withdrawn."""
        self._seen.clear()

    def _remember(self, token: str, verified: Verified) -> Verified:
        self._seen[token] = verified
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return verified

    def _verify(self, token: str) -> Verified:
        jws = parse(token, _TYPES)
        key = self._find_key(jws.header.get("kid", ""))
        if key is None or jws.header.get("alg") != key.algorithm.name or not key.verify(jws.signed, jws.signature):
            raise InvalidTokenError("no key of the issuer made this signature")
        try:
            claims = _decode(jws.payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise InvalidTokenError("the claims are not those of an access token") from None
        self._check(claims, key.longest)
        self._refuse_revoked(claims)
        try:
            permissions = compile_scope(claims.scope, claims.patient)
        except OAuthError:
            raise InvalidTokenError("the scope is not understood") from None
        return Verified(claims, permissions, self._revocations.generation)

    def _check(self, claims: AccessToken, longest: int) -> None:
        expected = self._expected(claims.issuer)
        if expected is None:
            raise InvalidTokenError("the token is of another issuer")
        if not claims.is_for(expected.audience):
            raise InvalidTokenError("the token is for another audience")
        if expected.tenant not in (None, claims.identity.tenant):
            raise InvalidTokenError("the token is for another tenant")
        now = self._clock()
        if now >= claims.expires_at:
            raise InvalidTokenError("the token has expired")
        if max(claims.issued_at, claims.not_before or 0) > now + _SKEW:
            raise InvalidTokenError("the token is not valid yet")
        if claims.expires_at - claims.issued_at > longest:
            raise InvalidTokenError(f"the token is valid for more than {longest} seconds")

    def _refuse_revoked(self, claims: AccessToken) -> None:
        if self._revocations.concern(claims):
            raise InvalidTokenError("the token was revoked")
