"""All scopes of a request, a client or a token: read, written, compared.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-3.3
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from identity.access.errors import OAuthError, Refusal
from identity.access.scopes.resource_scope import Context, ResourceScope, read_resource_scope

LAUNCH = "launch"
LAUNCH_PATIENT = "launch/patient"
LAUNCH_ENCOUNTER = "launch/encounter"
OPENID = "openid"
FHIR_USER = "fhirUser"
PROFILE = "profile"
OFFLINE_ACCESS = "offline_access"
ONLINE_ACCESS = "online_access"
ACCESS_READ = "access.read"
ACCESS_WRITE = "access.write"
ADMINISTRATION = frozenset({ACCESS_READ, ACCESS_WRITE})
"""Scopes of the interface of administration."""
HL7_READ = "hl7.read"
HL7_WRITE = "hl7.write"
INTERFACES = frozenset({HL7_READ, HL7_WRITE})
"""Scopes for looking after HL7 v2 interfaces."""
_OWN = ADMINISTRATION | INTERFACES
"""Scopes that a person has only by their own scope."""
NAMED = _OWN | {
    LAUNCH,
    LAUNCH_PATIENT,
    LAUNCH_ENCOUNTER,
    OPENID,
    FHIR_USER,
    PROFILE,
    OFFLINE_ACCESS,
    ONLINE_ACCESS,
}
"""Scopes that are no scopes for resources."""
_MOST_SHARED = 100
_MOST_SCOPES = 60
"""More do not fit into a token, and comparing sets takes the product of their sizes."""


@dataclass(frozen=True, slots=True)
class ScopeSet:
    """Several scopes; a set that is equal is written equally.

    Attributes:
        named: those such as ``openid`` and ``launch/patient``.
        resources: those for resources.
    """

    named: frozenset[str] = frozenset()
    resources: frozenset[ResourceScope] = frozenset()

    def covers(self, other: ScopeSet) -> bool:
        """Tell whether each of *other*'s scopes is covered by one of these."""
        return other.named <= self.named and all(
            any(mine.covers(theirs) for mine in self.resources) for theirs in other.resources
        )

    def shared_with(self, other: ScopeSet) -> ScopeSet:
        """Return the scopes that both sets allow.

        Raises:
            OAuthError: they are too many to be compared with each other (invalid_scope).
        """
        shared = (mine.shared_with(theirs) for mine in self.resources for theirs in other.resources)
        return ScopeSet(self.named & other.named, _without_covered(each for each in shared if each is not None))

    def narrowed_to(self, wider: ScopeSet) -> ScopeSet:
        """Return the set with all but general scopes, such as ``openid``, cut down to what *wider* allows."""
        return ScopeSet(self.named - (_OWN - wider.named), self.shared_with(wider).resources)

    @property
    def contexts(self) -> frozenset[Context]:
        """Whose resources the set speaks of."""
        return frozenset(each.context for each in self.resources)

    def __bool__(self) -> bool:
        """Tell whether there is a scope at all."""
        return bool(self.named or self.resources)

    def __str__(self) -> str:
        """Return the scopes separated by spaces, in the order of the alphabet."""
        return " ".join([*sorted(self.named), *sorted(str(each) for each in self.resources)])


def read_scopes(text: str) -> ScopeSet:
    """Return the scopes in *text*, separated by single spaces.

    Raises:
        OAuthError: one of them is not understood (invalid_scope).
    """
    words = text.split(" ") if text else []
    if len(words) > _MOST_SCOPES:
        raise OAuthError(Refusal.INVALID_SCOPE, f"a request has at most {_MOST_SCOPES} scopes")
    named: set[str] = set()
    resources: set[ResourceScope] = set()
    for word in words:
        if word in NAMED:
            named.add(word)
        elif (scope := read_resource_scope(word)) is not None:
            resources.add(scope)
        else:
            raise OAuthError(Refusal.INVALID_SCOPE, "a scope is not known to this server")
    return ScopeSet(frozenset(named), frozenset(resources))


def _without_covered(scopes: Iterable[ResourceScope]) -> frozenset[ResourceScope]:
    every = frozenset(scopes)
    if len(every) > _MOST_SHARED:
        raise OAuthError(Refusal.INVALID_SCOPE, "the scopes overlap with too many of those that may be granted")
    return frozenset(each for each in every if not any(other != each and other.covers(each) for other in every))
