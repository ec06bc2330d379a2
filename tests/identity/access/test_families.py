"""Refresh-token families under any order of events: a model of what has to hold, beside the server."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from identity.access.errors import InvalidTokenError, OAuthError
from identity.access.grants.grant import Grant
from identity.access.grants.introspection import revoke
from identity.access.grants.issuing import start_family
from identity.access.grants.parameters import Parameters
from identity.access.grants.token_endpoint import token
from tests.support.access import Access, a_user, an_app

WEEK = 7 * 24 * 3600


class Families(RuleBasedStateMachine):
    """Tokens are (grant, number); only the newest number of a living grant is good."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.access = Access()
        self.run(self.access.set_up())
        self.run(self.access.store.keep_client(an_app(client_id="thief")))
        self.newest: dict[str, str] = {}
        self.dead: set[str] = set()
        self.ends: dict[str, float] = {}
        self.fresh: dict[str, list[str]] = {}

    @staticmethod
    def run(coroutine):
        return asyncio.run(coroutine)

    def is_alive(self, grant_id: str) -> bool:
        return grant_id not in self.dead and self.access.clock.now < self.ends[grant_id]

    def use(self, text: str, client_id: str):
        form = {"grant_type": "refresh_token", "refresh_token": text, "client_id": client_id}
        try:
            return self.run(token(self.access.server, Parameters(form)))
        except OAuthError as error:
            return None if error.refusal == "invalid_grant" else error

    @rule(target=tokens, scope=strategies.sampled_from(["offline_access", "online_access"]))
    def sign_in(self, scope):
        grant_id = f"g{len(self.ends)}"
        grant = Grant(grant_id=grant_id, client_id="app", scope=f"{scope} user/Patient.r", user_id="u1")
        text = self.run(start_family(self.access.server, an_app(), grant))
        lifetimes = self.access.server.lifetimes
        self.ends[grant_id] = self.access.clock.now + (lifetimes.refresh if scope[1] == "f" else lifetimes.online)
        self.newest[grant_id] = text
        self.fresh[grant_id] = []
        return text

    @rule(target=tokens, text=tokens)
    def refresh(self, text):
        grant_id = text.partition(".")[0]
        is_good = self.is_alive(grant_id) and self.newest[grant_id] == text
        answer = self.use(text, "app")
        assert (answer is not None) == is_good
        if answer is None:
            if self.is_alive(grant_id):
                self.dead.add(grant_id)
            return multiple()
        assert answer["refresh_token"] != text
        self.newest[grant_id] = answer["refresh_token"]
        self.fresh[grant_id].append(answer["access_token"])
        return answer["refresh_token"]

    @rule(text=tokens)
    def steal(self, text):
        """Another client's attempt neither succeeds nor hurts the family."""
        assert self.use(text, "thief") is None

    @rule(text=tokens)
    def guess(self, text):
        """Whoever has what was sealed and makes up the secret ends the grant, as somebody with an old token does."""
        grant_id, _, sealed = text.split(".")
        assert self.use(f"{grant_id}.guessed.{sealed}", "app") is None
        self.dead.add(grant_id)

    @rule(text=tokens, other=tokens)
    def forge(self, text, other):
        """What this server did not seal for this grant changes nothing."""
        grant_id, secret, sealed = text.split(".")
        assert self.use(f"{grant_id}.{secret}", "app") is None
        assert self.use(f"{grant_id}.{secret}.{sealed[:-4]}AAAA", "app") is None
        if grant_id != other.partition(".")[0]:
            assert self.use(f"{grant_id}.{secret}.{other.split('.')[2]}", "app") is None

    @rule(text=tokens)
    def revoke(self, text):
        self.run(revoke(self.access.server, an_app(), Parameters({"token": text})))
        self.dead.add(text.partition(".")[0])

    @rule(seconds=strategies.sampled_from([1, 299, 600, 12 * 3600, WEEK]))
    def wait(self, seconds):
        self.access.clock.advance(seconds)

    @rule()
    def tidy(self):
        self.run(self.access.store.tidy(self.access.clock.now))

    @rule(is_active=strategies.booleans())
    def put_off(self, is_active):
        """What is good while the person is put off is only asked again afterwards."""
        self.run(self.access.store.keep_user(a_user(is_active=is_active)))
        if not is_active:
            for grant_id in self.newest:
                if self.is_alive(grant_id):
                    assert self.use(self.newest[grant_id], "app") is None
                    self.dead.add(grant_id)
            self.run(self.access.store.keep_user(a_user()))

    @invariant()
    def access_tokens_die_with_their_grant(self):
        for grant_id, texts in self.fresh.items():
            for text in texts[-2:]:
                try:
                    self.access.server.verifier.verify(text)
                except InvalidTokenError:
                    continue
                assert grant_id not in self.dead


TestFamilies = Families.TestCase
TestFamilies.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
