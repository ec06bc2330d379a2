"""Keys, clocks and tokens for tests of the authorization server."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from identity.access.grants.server import Server
from identity.access.people.passwords import hashed
from identity.access.people.patients import PatientChoice
from identity.access.store.memory import MemoryAccessStore
from identity.access.store.port import AccessStore
from identity.access.store.records import Client, ClientAuthentication, GrantType, User
from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.claims import AccessToken, DigitalIdentity
from identity.access.tokens.compact import encode
from identity.access.tokens.jwk import public_jwk
from identity.access.tokens.keys import KeySet, SigningKey
from identity.access.tokens.signing import signed_claims
from identity.access.web.application import create_application

ISSUER = "https://access.test/t/default"
FHIR = "https://fhir.test/fhir"
NOW = 1_800_000_000


@dataclass
class TestClock:
    """A clock that goes only when it is told to."""

    __test__ = False
    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def access_claims(**changed: Any) -> AccessToken:
    """Return the claims of an ordinary access token of a practitioner."""
    claims: dict[str, Any] = {
        "issuer": ISSUER,
        "subject": "u1",
        "audience": FHIR,
        "issued_at": NOW,
        "expires_at": NOW + 300,
        "token_id": "token-1",
        "client_id": "app",
        "scope": "user/Patient.rs",
        "identity": DigitalIdentity(subject_type="practitioner", subject="h", tenant=1),
        "grant_id": "grant-1",
    }
    return AccessToken(**(claims | changed))


def part(members: object) -> str:
    """Return one part of a token: JSON as base64url."""
    return raw_part(json.dumps(members).encode())


def raw_part(content: bytes) -> str:
    """Return *content* as base64url."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


APP = "https://app.test/back"
VERIFIER = "v" * 43
PASSWORD = "a long pass phrase"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PERSON_SCOPES = "openid fhirUser profile launch launch/patient launch/encounter offline_access online_access"
_PASSWORD_HASH = hashed(PASSWORD)


@cache
def client_key(algorithm: str = "ES384") -> SigningKey:
    """Return a client's key."""
    return SigningKey(ALGORITHMS[algorithm].generate(), ALGORITHMS[algorithm], 0, 2 * NOW)


@cache
def server_keys() -> tuple[SigningKey, ...]:
    return KeySet(algorithms=("ES256", "RS256"), clock=TestClock()).keys


def an_app(**changed: Any) -> Client:
    """Return a public client."""
    members: dict[str, Any] = {
        "client_id": "app",
        "name": "Growth chart",
        "authentication": ClientAuthentication.NONE,
        "grant_types": frozenset(GrantType) - {GrantType.CLIENT_CREDENTIALS, GrantType.TOKEN_EXCHANGE},
        "scope": f"{PERSON_SCOPES} patient/*.cruds user/*.rs",
        "redirect_uris": (APP, "https://app.test/other?x=1"),
    }
    return Client(**(members | changed))


def a_system(**changed: Any) -> Client:
    """Return a confidential client with a key."""
    members: dict[str, Any] = {
        "client_id": "system",
        "name": "Laboratory",
        "authentication": ClientAuthentication.PRIVATE_KEY_JWT,
        "grant_types": frozenset(GrantType),
        "scope": f"{PERSON_SCOPES} system/Observation.cruds system/Patient.rs user/*.rs patient/*.rs",
        "redirect_uris": ("https://system.test/back",),
        "jwks": {"keys": [client_key().public.jwk()]},
    }
    return Client(**(members | changed))


def a_user(**changed: Any) -> User:
    """Return a nurse."""
    members: dict[str, Any] = {
        "user_id": "u1",
        "login_name": "alice",
        "password_hash": _PASSWORD_HASH,
        "fhir_user": "Practitioner/1",
        "scope": "patient/*.cruds user/*.cruds",
        "roles": ("nurse",),
        "name": "Alice U.",
    }
    return User(**(members | changed))


class Patients:
    """Patients of the test: everybody may see p1 and p2."""

    async def find(self, user: User, text: str) -> list[PatientChoice]:
        found = [PatientChoice("p1", "Uwase <b>A.</b>"), PatientChoice("p2", "Mugisha B.")]
        return [choice for choice in found if text.lower() in choice.label.lower()]

    async def get(self, user: User, logical_id: str) -> PatientChoice | None:
        return next((choice for choice in await self.find(user, "") if choice.logical_id == logical_id), None)


class Access:
    """An authorization server with a browser in front of it."""

    def __init__(self, store: AccessStore | None = None) -> None:
        self.clock = TestClock()
        keys = KeySet(server_keys(), algorithms=("ES256", "RS256"), clock=self.clock)
        self.store = store or MemoryAccessStore()
        self.server = Server(ISSUER, FHIR, 1, self.store, keys, b"s" * 32, clock=self.clock)
        self.http = self.browser()

    def browser(self) -> AsyncClient:
        """Return another browser, without cookies."""
        application = FastAPI(openapi_url=None)
        application.mount("/t/default", create_application(self.server, Patients()))
        return AsyncClient(transport=ASGITransport(application), base_url=f"{ISSUER}/", follow_redirects=False)

    async def set_up(self) -> Access:
        await self.store.keep_client(an_app())
        await self.store.keep_client(a_system())
        await self.store.keep_user(a_user())
        return self

    def assertion(self, key: SigningKey | None = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """Return a client assertion; members that are None are left out."""
        key = key or client_key()
        claims = {
            "iss": "system",
            "sub": "system",
            "aud": f"{ISSUER}/token",
            "exp": self.clock.now + 300,
            "jti": token_urlsafe(8),
        }
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        if header is None:
            return signed_claims(claims, key)
        content = f"{part({'alg': key.algorithm.name, 'kid': key.public.kid, 'typ': 'JWT'} | header)}.{part(claims)}"
        return f"{content}.{raw_part(key.sign(content.encode()))}"

    def as_system(self, **changed: Any) -> dict[str, str]:
        """Return the parameters by which the system proves who it is."""
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(**changed)}

    async def post(self, path: str, form: dict[str, str] | None = None, **options: Any) -> Response:
        return await self.http.post(path, data=form or {}, **options)

    async def token(self, form: dict[str, str], **options: Any) -> Response:
        return await self.post("token", form, **options)

    def asked(self, **changed: str | None) -> dict[str, str]:
        """Return the parameters of an authorization request; those that are None are left out."""
        parameters = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": APP,
            "scope": "openid fhirUser offline_access user/Patient.rs",
            "state": "st&te",
            "nonce": "n",
            "aud": FHIR,
            "code_challenge": encode(sha256(VERIFIER.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (parameters | changed).items() if value is not None}

    async def follow(self, response: Response) -> Response:
        """Follow redirects within the server."""
        while response.status_code == 303 and response.headers["location"].startswith(ISSUER):
            response = await self.http.get(response.headers["location"])
        return response

    async def open(self, **changed: str | None) -> Response:
        """Open the authorization endpoint and follow to the first page, or to the redirect to the app."""
        return await self.follow(await self.http.get("authorize", params=self.asked(**changed)))

    async def send(self, shown: Response, **filled: str) -> Response:
        """Send the form of a page."""
        return await self.follow(await self.post(str(shown.url), fields_of(shown.text) | filled))

    async def sign_in(self, shown: Response, name: str = "alice", password: str = PASSWORD, code: str = "") -> Response:
        return await self.send(shown, name=name, password=password, code=code)

    async def code(self, **changed: str | None) -> str:
        """Go the whole way and return the code."""
        shown = await self.open(**changed)
        if 'name="password"' in shown.text:
            shown = await self.sign_in(shown)
        if 'name="patient"' in shown.text:
            shown = await self.send(shown, patient="p1")
        if shown.status_code == 200:
            shown = await self.send(shown, answer="allow")
        return answer_of(shown)["code"]

    def redeemed(self, code: str, **changed: str | None) -> dict[str, str]:
        """Return the parameters that redeem *code*."""
        parameters = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": APP,
            "client_id": "app",
            "code_verifier": VERIFIER,
        }
        return {name: value for name, value in (parameters | changed).items() if value is not None}

    async def tokens(self, **changed: str | None) -> dict[str, Any]:
        """Return the tokens that signing in gives."""
        response = await self.token(self.redeemed(await self.code(**changed)))
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    async def refresh(self, token: str, **changed: str) -> Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "app"}
        return await self.token(form | changed)

    def proof(
        self, key: SigningKey, url: str = f"{ISSUER}/token", header: dict[str, Any] | None = None, **changed: Any
    ) -> str:
        """Return a DPoP proof."""
        claims = {"jti": token_urlsafe(8), "htm": "POST", "htu": url, "iat": self.clock.now} | changed
        head = {"alg": key.algorithm.name, "typ": "dpop+jwt", "jwk": public_jwk(key.private.public_key())}
        content = f"{part(head | (header or {}))}.{part(claims)}"
        return f"{content}.{raw_part(key.sign(content.encode()))}"


def fields_of(html: str) -> dict[str, str]:
    """Return the hidden fields of the last form of a page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html.rpartition("<form")[2]))


def answer_of(response: Response) -> dict[str, str]:
    """Return what a redirect to the application tells it."""
    assert response.status_code == 303, response.text
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


def refusal(response: Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return response.status_code, response.json()["error"]
