"""People, apps, roles and rules, looked after over HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from stanforis.settings import Settings

from identity.access.administration.application import create_application
from identity.access.administration.recording import Recording
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import owner_key, owner_token
from identity.access.policy.built_in import BUILT_IN
from identity.access.store.memory import MemoryAccessStores
from identity.access.store.records import Family
from identity.access.tokens.claims import AccessToken, DigitalIdentity
from identity.access.tokens.signing import signed_access_token
from tests.support.access import a_user, client_key
from tests.support.proofs import bound, shown

BASE = "http://127.0.0.1:8080/fhir"
NURSE = {"login_name": "Nadine", "name": "Nadine U.", "fhir_user": "Practitioner/7", "roles": ["nurse"]}
APP = {"name": "Chart", "scope": "openid user/*.rs", "redirect_uris": ["https://app.test/back"]}
FORBID = 'forbid (principal, action == Action::"delete", resource);'


class Administered:
    """An installation on memory stores, and an administrator's client."""

    def __init__(self, folder, stores: MemoryAccessStores | None = None) -> None:
        settings = Settings(data=folder, base_url=BASE)
        self.authority = Authority(settings, stores=stores or MemoryAccessStores())
        self.server = self.authority.server()
        self.key = owner_key(folder)
        application = create_application(self.server, self.authority)
        self.http = AsyncClient(transport=ASGITransport(application), base_url="http://127.0.0.1:8080")
        self.speak(owner_token(self.key, BASE))

    def speak(self, token: str) -> None:
        self.http.headers["Authorization"] = f"Bearer {token}"

    def token(self, scope: str, roles: tuple[str, ...], tenant: int = 1, **more: Any) -> str:
        now = int(time.time())
        addresses = self.authority.site.tenant(tenant)
        claims = AccessToken(
            issuer=addresses.issuer,
            subject="u",
            audience=addresses.fhir_base,
            issued_at=now,
            expires_at=now + 60,
            token_id="t",
            client_id="c",
            scope=scope,
            identity=DigitalIdentity(subject_type="practitioner", subject="h", tenant=tenant, roles=roles),
            **more,
        )
        return signed_access_token(claims, self.server.keys.signer())


@pytest.fixture
def administered(tmp_path) -> Administered:
    return Administered(tmp_path)


@pytest.mark.parametrize(
    ("scope", "roles", "tenant", "method", "status"),
    [
        ("access.read", ("administrator",), 1, "GET", 200),
        ("access.write", ("administrator",), 1, "GET", 200),
        ("access.read", ("administrator",), 1, "POST", 403),
        ("access.write", ("administrator",), 1, "POST", 201),
        ("access.write", ("clinician",), 1, "GET", 403),
        ("user/*.cruds system/*.cruds", ("administrator",), 1, "GET", 403),
        ("access.write", ("administrator",), 2, "GET", 403),
    ],
)
async def test_it_takes_scope_role_and_tenant(administered, scope, roles, tenant, method, status):
    administered.speak(administered.token(scope, roles, tenant))
    answer = await administered.http.request(method, "/users", json=NURSE if method == "POST" else None)
    assert answer.status_code == status


async def test_without_a_token_nothing_is_told(administered):
    for token in ("", "Bearer", "Bearer x", "Basic eDp5"):
        administered.http.headers["Authorization"] = token
        answer = await administered.http.get("/users")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_somebody_is_added_changed_and_locked(administered):
    http = administered.http
    added = (await http.post("/users", json=NURSE)).json()
    assert added["login_name"] == "nadine"
    assert len(added["one_time_password"]) == 24
    shown = (await http.get("/users/NADINE")).json()
    assert (shown["roles"], shown["must_change_password"], shown["is_active"]) == (["nurse"], True, True)
    assert "password_hash" not in shown
    changed = await http.patch(f"/users/{added['user_id']}", json={"roles": ["clinician"], "is_active": False})
    assert (changed.json()["roles"], changed.json()["is_active"]) == (["clinician"], False)
    assert changed.json()["name"] == "Nadine U."
    assert [each["user_id"] for each in (await http.get("/users")).json()] == [added["user_id"]]


async def test_who_is_changed_loses_tokens(administered):
    await administered.server.store.keep_user(a_user())
    await administered.http.patch("/users/alice", json={"roles": []})
    assert administered.server.revocations.include("u1")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"fhir_user": "Patient/ana"}, ("ana", "person")),
        ({"fhir_user": "Patient/ana", "patient": "bea", "subject_type": "practitioner"}, ("bea", "practitioner")),
        ({"fhir_user": "Patient/ana", "patient": None}, (None, "person")),
        ({"fhir_user": "RelatedPerson/1"}, (None, "person")),
        ({"fhir_user": "Practitioner/1"}, (None, "practitioner")),
        ({}, (None, "practitioner")),
    ],
)
async def test_somebody_in_the_record_is_that_patient(administered, told, expected):
    assert (await administered.http.post("/users", json={"login_name": "ana", **told})).status_code == 201
    known = (await administered.http.get("/users/ana")).json()
    assert (known["patient"], known["subject_type"]) == expected


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"login_name": ""}, 422),
        ({"login_name": "a\0b"}, 422),
        ({"fhir_user": "Nobody/1"}, 422),
        ({"fhir_user": "Practitioner/1 "}, 422),
        ({"scope": "user/Nothing.rs"}, 422),
        ({"subject_type": "system"}, 422),
        ({"password_hash": "x"}, 422),
        ({"roles": ["a\0"]}, 422),
        ({"roles": ["nurse", "owner"]}, 422),
    ],
)
async def test_what_cannot_be_is_refused(administered, changed, status):
    assert (await administered.http.post("/users", json=NURSE | changed)).status_code == status


async def test_a_login_name_is_taken_once(administered):
    await administered.http.post("/users", json=NURSE)
    assert (await administered.http.post("/users", json=NURSE | {"login_name": " NADINE"})).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/nobody"),
        ("PATCH", "/users/nobody"),
        ("POST", "/users/nobody/password"),
        ("POST", "/users/nobody/link"),
        ("DELETE", "/users/no%00body/sessions"),
        ("GET", "/clients/none"),
        ("PATCH", "/clients/no%00ne"),
        ("POST", "/clients/none/secret"),
        ("DELETE", "/grants/none"),
        ("DELETE", "/roles/nurse"),
        ("DELETE", "/rules/no%00ne"),
    ],
)
async def test_who_is_not_known_is_not_found(administered, method, path):
    answer = await administered.http.request(method, path, json={} if method == "PATCH" else None)
    assert answer.status_code == 404


@pytest.mark.parametrize("query", ["most=0", "most=-1", "most=100000", "most=x", "after=%00"])
async def test_pages_have_a_sensible_size(administered, query):
    assert (await administered.http.get(f"/users?{query}")).status_code == 422


async def test_the_ways_to_let_somebody_in_again(administered):
    http = administered.http
    await administered.server.store.keep_user(a_user(totp_secret="JBSWY3DPEHPK3PXP"))
    assert (
        (await http.post("/users/alice/link")).json()["url"].startswith("http://127.0.0.1:8080/auth/password?ticket=")
    )
    assert (await http.post("/users/alice/password")).json()["one_time_password"]
    assert (await http.delete("/users/alice/second-factor")).json()["has_second_factor"] is False
    assert (await http.delete("/users/alice/failures")).status_code == 200
    assert (await http.delete("/users/alice/sessions")).status_code == 200


async def test_an_app_is_registered_changed_and_given_a_secret(administered):
    http = administered.http
    added = await http.post("/clients", json=APP | {"authentication": "client_secret_basic"})
    secret, client_id = added.json()["client_secret"], added.json()["client_id"]
    assert secret
    assert (await http.get(f"/clients/{client_id}")).json()["client_secret"] is None
    again = (await http.post(f"/clients/{client_id}/secret")).json()["client_secret"]
    assert again not in (None, secret)
    changed = await http.patch(f"/clients/{client_id}", json={"is_active": False, "scope": "user/Patient.rs"})
    assert (changed.json()["is_active"], changed.json()["scope"]) == (False, "user/Patient.rs")
    assert [each["name"] for each in (await http.get("/clients")).json()] == ["Chart"]


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uris": []},
        {"redirect_uris": ["http://app.test/back"]},
        {"redirect_uris": ["https://app.test/#x"]},
        {"scope": "everything"},
        {"grant_types": ["password"]},
        {"grant_types": ["client_credentials"]},
        {"authentication": "private_key_jwt"},
        {"jwks": {"keys": [client_key().public.jwk()]}},
        {"authentication": "private_key_jwt", "jwks": {"keys": []}},
        {"secret_digest": "x"},
    ],
)
async def test_an_app_that_cannot_be_is_refused(administered, changed):
    assert (await administered.http.post("/clients", json=APP | changed)).status_code == 422


async def test_roles_are_kept_over_built_in_ones_and_back(administered):
    http = administered.http
    assert {each["name"] for each in (await http.get("/roles")).json()} == set(BUILT_IN)
    kept = await http.put("/roles/nurse", json={"scope": "user/Observation.rs", "labels": ["HIV"]})
    assert kept.status_code == 200
    policies = await administered.authority.policies()
    given = policies.given(("nurse",), "practitioner")
    assert not given.permissions.decide("Patient", "read").is_allowed
    assert (await http.delete("/roles/nurse")).status_code == 204
    await administered.authority.tend()
    given = (await administered.authority.policies()).given(("nurse",), "practitioner")
    assert given.permissions.decide("Patient", "read").is_allowed


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("owner", {"scope": "user/*.rs"}),
        ("Nurse", {"scope": "user/*.rs"}),
        ("nurse", {"scope": "everything"}),
        ("nurse", {"scope": "user/*.rs", "more": 1}),
    ],
)
async def test_a_role_that_cannot_be_is_refused(administered, name, role):
    assert (await administered.http.put(f"/roles/{name}", json=role)).status_code == 422


async def test_what_is_changed_is_on_record_without_values(tmp_path):
    kept = []

    async def keep(tenant, record):
        kept.append((tenant, record))

    administered = Administered(tmp_path)
    application = Recording(create_application(administered.server, administered.authority), keep, 1)
    async with AsyncClient(
        transport=ASGITransport(application), base_url="http://127.0.0.1:8080", headers=administered.http.headers
    ) as http:
        made = (await http.post("/users", json=NURSE)).json()
        answers = [
            await http.post("/users/Nadine/password"),
            await http.put("/roles/nurse", json={"scope": "user/*.rs"}),
            await http.delete("/roles/nobody"),
            await http.get("/users"),
            await http.post("/users", json=NURSE, headers={"Authorization": "Bearer x"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 401]
    assert [(tenant, record.interaction, record.entities, record.status) for tenant, record in kept] == [
        (1, "admin-user-create", (f"urn:stanforis:user:{made['user_id']}",), 201),
        (1, "admin-user-password", (f"urn:stanforis:user:{made['user_id']}",), 200),
        (1, "admin-role-keep", ("urn:stanforis:role:nurse",), 200),
        (1, "admin-role-drop", ("urn:stanforis:role:nobody",), 404),
        (1, "admin-user-create", (), 401),
    ]
    assert kept[0][1].changed == tuple(sorted(NURSE))
    assert kept[0][1].who.client
    assert "Nadine" not in repr(kept)


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800"])
@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/clients", '{"name": "TEXT", "scope": "user/*.rs", "redirect_uris": ["https://x.test/cb"]}'),
        ("POST", "/clients", '{"name": "x", "audiences": ["TEXT"], "scope": "user/*.rs", "grant_types": []}'),
        ("PATCH", "/clients/none", '{"organisation": "TEXT"}'),
        ("POST", "/users", '{"login_name": "x", "roles": ["TEXT"]}'),
        ("PUT", "/roles/triage", '{"scope": "user/*.rs", "purposes": ["TEXT"]}'),
        ("PUT", "/roles/triage", '{"scope": "user/*.rs", "description": "TEXT"}'),
        ("PUT", "/rules/night", '{"text": "forbid(principal, action, resource); // TEXT"}'),
    ],
)
async def test_what_no_database_keeps_is_refused(administered, method, path, content, text):
    answer = await administered.http.request(
        method, path, content=content.replace("TEXT", text), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert "a text has a character that cannot be kept" in answer.json()["detail"]


async def test_what_fails_is_on_record_as_a_failure(tmp_path, monkeypatch):
    kept = []

    async def keep(tenant, record):
        del tenant
        kept.append(record)

    async def broken(name):
        raise ArithmeticError(name)

    administered = Administered(tmp_path)
    monkeypatch.setattr(administered.server.store, "drop_role", broken)
    application = Recording(create_application(administered.server, administered.authority), keep, 1)
    transport = ASGITransport(application, raise_app_exceptions=False)
    async with AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8080", headers=administered.http.headers
    ) as http:
        assert (await http.delete("/roles/triage")).status_code == 500
        assert (await http.put("/roles/nurse", json={"scope": 1})).status_code == 422
    assert [(record.interaction, record.status, record.outcome) for record in kept] == [
        ("admin-role-drop", 500, "8"),
        ("admin-role-keep", 422, "4"),
    ]


async def test_rules_are_kept_and_reach_new_tokens(administered):
    http = administered.http
    before = (await administered.authority.policies()).generation
    assert (await http.put("/rules/no-deletes", json={"text": FORBID})).status_code == 200
    assert [each["name"] for each in (await http.get("/rules")).json()] == ["no-deletes"]
    await administered.authority.tend()
    assert administered.server.policy_epoch > before
    assert (await http.put("/rules/bad", json={"text": "permit (principal, action, resource);"})).status_code == 422
    assert (await http.delete("/rules/no-deletes")).status_code == 204


async def test_grants_are_shown_and_ended(administered):
    store, until = administered.server.store, time.time() + 1000
    for number, user in enumerate(("u1", "u2")):
        await store.start_family(
            Family(grant_id=f"g{number}", client_id="app", user_id=user, current="d", expires_at=int(until))
        )
    [grant] = (await administered.http.get("/grants?user_id=u1")).json()
    assert (grant["grant_id"], grant["client_id"]) == ("g0", "app")
    assert (await administered.http.delete("/grants/g0")).status_code == 204
    assert [each["grant_id"] for each in (await administered.http.get("/grants")).json()] == ["g1"]
    assert administered.server.revocations.include("g0")


async def test_the_interface_describes_itself(administered):
    paths = (await administered.http.get("/openapi.json")).json()["paths"]
    assert set(paths) >= {"/users", "/clients", "/roles", "/rules", "/grants"}


async def test_a_bound_token_is_shown_with_a_proof_for_this_server(administered):
    def issue(scope, *, confirmation, roles):
        return administered.token(scope, roles, confirmation=confirmation)

    token = bound(issue, "access.read", roles=("administrator",))
    url = "http://127.0.0.1:8080/users"
    for headers, status in (
        (shown(token, url), 200),
        (shown(token, "http://evil.example/users") | {"host": "evil.example"}, 401),
        (shown(token, url) | {"authorization": f"Bearer {token}"}, 401),
        ({"authorization": f"Bearer {token}"}, 401),
    ):
        assert (await administered.http.get("/users", headers=headers)).status_code == status
