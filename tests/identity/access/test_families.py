"""Refresh-token families under any order of events: a model of what has to hold, beside the server."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from identity.access.errors import InvalidTokenError, OAuthError
from identity.access.grants.grant import Grant
from identity.access.grants.introspection import revoke
from identity.access.grants.issuing import start_family
from identity.access.grants.parameters import Parameters
from identity.access.grants.token_endpoint import token
from identity.access.store.records import GrantType
from identity.access.tokens.jwk import public_jwk, thumbprint
from identity.access.tokens.keys import SigningKey
from tests.support.access import Access, a_system, a_user, an_app, client_key

WEEK = 7 * 24 * 3600
SCOPES = strategies.sampled_from(["offline_access", "online_access"])
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
DEVICE, OTHER = client_key("ES256"), client_key("ES384")
PRINT = thumbprint(public_jwk(DEVICE.private.public_key()))


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
        self.bound: set[str] = set()
        self.exchanged: dict[str, list[str]] = {}
        self.is_registered = True
        self.run(self.access.store.keep_client(_a_service()))

    @staticmethod
    def run(coroutine):
        return asyncio.run(coroutine)

    def is_alive(self, grant_id: str) -> bool:
        return grant_id not in self.dead and self.access.clock.now < self.ends[grant_id]

    def use(self, text: str, client_id: str, key: SigningKey | None = None):
        form = {"grant_type": "refresh_token", "refresh_token": text, "client_id": client_id}
        if key is None and text.partition(".")[0] in self.bound:
            key = DEVICE
        proof = None if key is None else self.access.proof(key)
        try:
            return self.run(token(self.access.server, Parameters(form), proof=proof))
        except OAuthError as error:
            return None if error.refusal in {"invalid_grant", "invalid_client"} else error

    @rule(
        target=tokens,
        scope=strategies.sampled_from(["offline_access", "online_access"]),
        is_bound=strategies.booleans(),
    )
    def sign_in(self, scope, is_bound):
        grant_id = f"g{len(self.ends)}"
        key = PRINT if is_bound else None
        grant = Grant(grant_id=grant_id, client_id="app", scope=f"{scope} user/Patient.r", user_id="u1", key=key)
        if is_bound:
            self.bound.add(grant_id)
        text = self.run(start_family(self.access.server, an_app(), grant))
        lifetimes = self.access.server.lifetimes
        self.ends[grant_id] = self.access.clock.now + (lifetimes.refresh if scope[1] == "f" else lifetimes.online)
        self.newest[grant_id] = text
        self.fresh[grant_id] = []
        return text

    @rule(target=tokens, text=tokens)
    def refresh(self, text):
        grant_id = text.partition(".")[0]
        is_good = self.is_registered and self.is_alive(grant_id) and self.newest[grant_id] == text
        answer = self.use(text, "app")
        assert (answer is not None) == is_good
        if answer is None:
            if self.is_registered and self.is_alive(grant_id):
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
    def use_with_another_key(self, text):
        """A token is good with its own key only; with another one nothing happens to it."""
        if self.is_registered and self.is_alive(text.partition(".")[0]):
            assert self.use(text, "app", OTHER).refusal == "invalid_dpop_proof"

    @rule(text=tokens)
    def exchange(self, text):
        """What a service gets for a person's token is good as long as that is, and ends with its grant."""
        grant_id = text.partition(".")[0]
        for held in self.fresh[grant_id][-1:]:
            is_good = self._is_good(held)
            form = {"grant_type": EXCHANGE, "subject_token": held, "subject_token_type": ACCESS_TOKEN}
            proof = self.access.proof(DEVICE) if grant_id in self.bound else None
            sent = Parameters(form | self.access.as_system(iss="service", sub="service"))
            request = token(self.access.server, sent, proof=proof)
            if is_good:
                self.exchanged.setdefault(grant_id, []).append(self.run(request)["access_token"])
            else:
                with pytest.raises(OAuthError, match="subject"):
                    self.run(request)

    def _is_good(self, text: str) -> bool:
        key = PRINT if text.partition(".")[0] in self.bound else None
        for proven in (key, PRINT, None):
            try:
                self.access.server.verifier.verify(text, proven)
            except InvalidTokenError:
                continue
            return True
        return False

    @rule(is_active=strategies.booleans())
    def register(self, is_active):
        """An app that is put off gets nothing, and finds its grants as they were."""
        self.run(self.access.store.keep_client(an_app(is_active=is_active)))
        self.is_registered = is_active

    @rule(text=tokens)
    def guess(self, text):
        """Whoever has what was sealed and makes up the secret ends the grant, as somebody with an old token does."""
        grant_id, _, sealed = text.split(".")
        assert self.use(f"{grant_id}.guessed.{sealed}", "app") is None
        if self.is_registered:
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
        if not is_active and self.is_registered:
            for grant_id in self.newest:
                if self.is_alive(grant_id):
                    assert self.use(self.newest[grant_id], "app") is None
                    self.dead.add(grant_id)
        self.run(self.access.store.keep_user(a_user()))

    @invariant()
    def access_tokens_die_with_their_grant(self):
        for grant_id, texts in self.fresh.items():
            for text in (*texts[-2:], *self.exchanged.get(grant_id, ())[-2:]):
                assert not self._is_good(text) or grant_id not in self.dead

    @invariant()
    def bound_tokens_are_no_bearer_tokens(self):
        for grant_id in self.bound:
            for text in (*self.fresh[grant_id][-1:], *self.exchanged.get(grant_id, ())[-1:]):
                with pytest.raises(InvalidTokenError):
                    self.access.server.verifier.verify(text)


def _a_service():
    """Return a service that acts for people."""
    return a_system(client_id="service", scope="user/Patient.r", grant_types=frozenset({GrantType.TOKEN_EXCHANGE}))


TestFamilies = Families.TestCase
TestFamilies.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
