"""Which tokens are no longer good although they have not expired.

What is revoked is the id of a token, of the grant it descends from, or of a person; all are random, so one list serves.
The list is short: an entry goes when the last token it may concern has expired.
"""

from __future__ import annotations

from collections.abc import Iterable

from identity.access.clock import Clock, system_clock
from identity.access.tokens.claims import STAFF_SECONDS, AccessToken

_TIDY_EVERY = 1000


class Revocations:
    """The ids that are revoked, as this process knows them.

    Attributes:
        generation: grows with each change, so that a decision made before can tell that it has to be made again.
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        """Start with none."""
        self.generation = 0
        self._clock = clock
        self._until: dict[str, float] = {}

    def add(self, revoked: Iterable[tuple[str, float]]) -> None:
        """Take note of ids, each with the time (seconds since 1970) from which on it need not be remembered."""
        new = {name: until for name, until in revoked if self._until.get(name, 0) < until}
        if new:
            self._until |= new
            self.generation += 1
        if len(self._until) > _TIDY_EVERY:
            now = self._clock()
            self._until = {name: until for name, until in self._until.items() if until > now}

    def include(self, name: str) -> bool:
        """Tell whether this very id is revoked."""
        return name in self._until

    def concern(self, token: AccessToken) -> bool:
        """Tell whether *token* or its grant is revoked, or all that its subject had by a certain time."""
        until = self._until
        if token.token_id in until or (token.grant_id is not None and token.grant_id in until):
            return True
        # A person is revoked up to the moment of the revocation: what is signed in to later is good again.
        return token.subject in until and token.issued_at + STAFF_SECONDS <= until[token.subject]
