"""Refresh-token families and pushed requests under any order of events: a model of what has to hold, beside the server.

What clients send goes the way of the installation: through what tells whether a tenant is served.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from httpx import ASGITransport, AsyncClient
from httpx import Response as Answer
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from stanforis.tenancy.tenants import State
from starlette.responses import Response

from identity.access.errors import InvalidTokenError, OAuthError
from identity.access.grants.grant import Grant
from identity.access.grants.introspection import revoke
from identity.access.grants.issuing import start_family
from identity.access.grants.parameters import Parameters
from identity.access.grants.token_endpoint import token
from identity.access.hosting.mounts import Mounts
from identity.access.store.records import GrantType
from identity.access.tokens.jwk import public_jwk, thumbprint
from identity.access.tokens.keys import SigningKey
from tests.support.access import Access, a_system, a_user, an_app, client_key

TENANT = 1
WEEK = 7 * 24 * 3600
SCOPES = strategies.sampled_from(["offline_access", "online_access"])
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
DEVICE, OTHER = client_key("ES256"), client_key("ES384")
PRINT = thumbprint(public_jwk(DEVICE.private.public_key()))


class Installation:
    """What an installation answers below a tenant's authorization server."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not await self._mounts(scope, receive, send):
            await Response(status_code=404)(scope, receive, send)

    async def post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
        async with self._client() as http:
            return await http.post(path, data=form, headers=headers)

    async def get(self, path: str, parameters: dict[str, str]) -> Answer:
        async with self._client() as http:
            return await http.get(path, params=parameters)

    def _client(self) -> AsyncClient:
        return AsyncClient(transport=ASGITransport(self), base_url=f"https://access.test/t/{TENANT}/auth/")


class Families(RuleBasedStateMachine):
    """Tokens are (grant, number); only the newest number of a living grant is good."""

    tokens = Bundle("tokens")
    pushed = Bundle("pushed")

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
        self.state = State.ACTIVE
        self.waiting: dict[str, tuple[str, float]] = {}
        authority = SimpleNamespace(server=lambda tenant: self.access.server if tenant == TENANT else None)
        mounts = Mounts(cast("Any", authority), lambda tenant: tenant == TENANT and self.state.may_read)
        self.http = Installation(mounts)
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
        headers = {} if key is None else {"dpop": self.access.proof(key)}
        answer = self.run(self.http.post("token", form, headers))
        if not self.is_served:
            assert answer.status_code == 404
            return None
        said = answer.json()
        if answer.status_code == 200:
            return said
        return None if said["error"] in {"invalid_grant", "invalid_client"} else said["error"]

    @property
    def is_served(self) -> bool:
        return self.state.may_read

    @property
    def may_refresh(self) -> bool:
        return self.is_registered and self.is_served

    @rule(state=strategies.sampled_from([State.ACTIVE, State.SUSPENDED, State.EXPORTED]))
    def pass_into(self, state):
        """People of a suspended tenant go on reading; an exported one gives nothing, and asking it changes nothing."""
        self.state = state

    @rule(target=pushed, client_id=strategies.sampled_from(["app", "thief"]))
    def push(self, client_id):
        answer = self.run(self.http.post("par", self.access.asked(client_id=client_id)))
        if not self.is_served or (client_id == "app" and not self.is_registered):
            assert answer.status_code == (401 if self.is_served else 404)
            return multiple()
        request_uri = answer.json()["request_uri"]
        self.waiting[request_uri] = (client_id, self.access.clock.now + answer.json()["expires_in"])
        return request_uri

    @rule(request_uri=pushed, client_id=strategies.sampled_from(["app", "thief"]))
    def authorize(self, request_uri, client_id):
        """A pushed request is good once, for who pushed it, and not for long."""
        answer = self.run(self.http.get("authorize", {"request_uri": request_uri, "client_id": client_id}))
        if not self.is_served:
            assert answer.status_code == 404
            return
        by, until = self.waiting.pop(request_uri, ("", 0.0))
        is_good = by == client_id and self.access.clock.now < until and (by != "app" or self.is_registered)
        assert (answer.status_code == 303) == is_good

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
        is_good = self.may_refresh and self.is_alive(grant_id) and self.newest[grant_id] == text
        answer = self.use(text, "app")
        assert (answer is not None) == is_good
        if answer is None:
            if self.may_refresh and self.is_alive(grant_id):
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
        if self.may_refresh and self.is_alive(text.partition(".")[0]):
            assert self.use(text, "app", OTHER) == "invalid_dpop_proof"

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
        if self.may_refresh:
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
        if not is_active and self.may_refresh:
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
