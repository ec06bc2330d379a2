"""Labels, consents, and breaking the glass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response

from fhir_api.app import TENANT
from identity.access.hosting.owner import CLIENT_ID, ROLE

pytestmark = pytest.mark.usefixtures("two_patients")
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
REASON = "unconscious after an accident"
OPT_OUT: dict[str, Any] = {"policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTOUT"}]}}


@pytest.fixture
def clinician(speak: Callable[..., AsyncClient]) -> Callable[..., AsyncClient]:
    """Speaks as somebody who treats patients; *headers* may be added."""

    def client(**headers: str) -> AsyncClient:
        return speak(
            "user/*.cruds",
            roles=("clinician",),
            subject_type="practitioner",
            fhir_user="Practitioner/p",
            organisation="o",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return client


def ids(response: Response) -> set[str]:
    assert response.status_code == 200, response.text
    return {entry["resource"]["id"] for entry in response.json().get("entry", ())}


def a_consent(patient: str = "a", **elements: Any) -> dict[str, Any]:
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent",
        "id": f"c{patient}",
        "status": "active",
        "scope": {"coding": [scope]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        **({} if "policyRule" in elements else {"policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN"}]}}),
        **elements,
    }


async def put(client: AsyncClient, tree: dict[str, Any]) -> None:
    response = await client.put(f"/{tree['resourceType']}/{tree['id']}", json=tree)
    assert response.status_code in (200, 201), response.text


async def labelled(owner: AsyncClient, system: str, code: str) -> None:
    tree = (await owner.get("/Observation/wa")).json()
    tree["meta"] = {"security": [{"system": system, "code": code}]}
    await put(owner, tree)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (ACT_CODE, "HIV"),
        (ACT_CODE, "PSY"),
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R"),
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V"),
    ],
)
async def test_a_label_hides_from_those_without_the_right(owner, clinician, system, code):
    await labelled(owner, system, code)
    assert (await clinician().get("/Observation/wa")).status_code == 404
    assert ids(await clinician().get("/Observation")) == {"wb"}
    assert ids(await clinician().get("/Patient/a/$everything")) == {"a"}


async def test_an_old_version_is_as_visible_as_the_current_one(owner, clinician):
    await labelled(owner, ACT_CODE, "HIV")
    assert (await clinician().get("/Observation/wa/_history/1")).status_code == 404
    tree = (await owner.get("/Observation/wa")).json()
    del tree["meta"]
    await put(owner, tree)
    assert (await clinician().get("/Observation/wa/_history/1")).status_code == 200
    assert (await clinician().get("/Observation/wa/_history/2")).status_code == 404
    history = (await clinician().get("/Observation/wa/_history")).json()
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["3", "1"]


async def test_an_ordinary_label_hides_nothing(owner, clinician):
    await labelled(owner, "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")
    assert (await clinician().get("/Observation/wa")).status_code == 200


async def test_nobody_labels_what_they_could_not_see_then(clinician):
    tree = (await clinician().get("/Observation/wa")).json()
    tree["meta"] = {"security": [{"system": ACT_CODE, "code": "HIV"}]}
    assert (await clinician().put("/Observation/wa", json=tree)).status_code == 403


async def test_patients_see_their_own_sensitive_records(owner, speak):
    await labelled(owner, ACT_CODE, "HIV")
    themselves = speak("patient/*.rs", patient="a", subject_type="person", fhir_user="Patient/a")
    assert ids(await themselves.get("/Observation")) == {"wa"}


async def test_a_patient_who_opts_out_vanishes(owner, clinician):
    await put(owner, a_consent(**OPT_OUT))
    assert ids(await clinician().get("/Patient")) == {"b"}
    assert ids(await clinician().get("/Observation")) == {"wb"}
    assert (await clinician().get("/Observation?_summary=count")).json()["total"] == 1
    assert (await clinician().get("/Observation/wa")).status_code == 404
    found = await clinician().get("/Practitioner?_revinclude=Observation:performer")
    assert ids(found) == {"p", "wb"}
    assert ids(await clinician().get("/Consent")) == {"ca"}


async def test_a_consent_that_ends_gives_back(owner, clinician):
    await put(owner, a_consent(**OPT_OUT))
    assert ids(await clinician().get("/Observation")) == {"wb"}
    await put(owner, a_consent(status="inactive", **OPT_OUT))
    assert ids(await clinician().get("/Observation")) == {"wa", "wb"}
    await put(owner, a_consent(**OPT_OUT))
    assert ids(await clinician().get("/Observation")) == {"wb"}
    await owner.delete("/Consent/ca")
    assert ids(await clinician().get("/Observation")) == {"wa", "wb"}


@pytest.mark.parametrize(
    ("provision", "hidden"),
    [
        ({"type": "deny"}, {"a", "wa"}),
        ({"type": "permit"}, set()),
        ({"provision": [{"type": "deny", "class": [{"code": "Observation"}]}]}, {"wa"}),
        ({"provision": [{"type": "deny", "class": [{"code": "Condition"}]}]}, set()),
        ({"provision": [{"type": "deny", "code": [{"coding": [{"code": "29463-7"}]}]}]}, {"wa"}),
        ({"provision": [{"type": "deny", "code": [{"coding": [{"code": "other"}]}]}]}, set()),
        ({"provision": [{"type": "deny", "period": {"end": "2020-01-01"}}]}, set()),
        ({"provision": [{"type": "deny", "period": {"start": "2020-01-01"}}]}, {"a", "wa"}),
        ({"provision": [{"type": "deny", "purpose": [{"code": "HRESCH"}]}]}, set()),
        ({"provision": [{"type": "deny", "purpose": [{"code": "TREAT"}]}]}, {"a", "wa"}),
        (
            {
                "provision": [
                    {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Observation/wa"}}]}
                ]
            },
            {"wa"},
        ),
        ({"type": "deny", "provision": [{"type": "permit", "class": [{"code": "Observation"}]}]}, {"a"}),
        ({"type": "deny", "provision": [{"type": "permit", "dataPeriod": {"end": "2020"}}]}, {"a", "wa"}),
    ],
)
async def test_provisions_say_what_is_withheld(owner, clinician, provision, hidden):
    await put(owner, a_consent(provision=provision))
    found = ids(await clinician().get("/Patient")) | ids(await clinician().get("/Observation"))
    assert found == {"a", "b", "wa", "wb"} - hidden


def actor(reference: str) -> dict[str, Any]:
    return {"role": {"text": "reader"}, "reference": {"reference": reference}}


@pytest.mark.parametrize(
    ("reference", "is_named"),
    [
        ("Practitioner/p", True),
        ("Practitioner/other", False),
        ("Organization/o", True),
        ("Organization/other", False),
    ],
)
async def test_provisions_name_whom_they_are_about(owner, clinician, reference, is_named):
    await put(owner, a_consent(provision={"provision": [{"type": "deny", "actor": [actor(reference)]}]}))
    assert ("wa" in ids(await clinician().get("/Observation"))) is not is_named
    await put(owner, a_consent(**OPT_OUT, provision={"provision": [{"type": "permit", "actor": [actor(reference)]}]}))
    assert ("wa" in ids(await clinician().get("/Observation"))) is is_named


async def test_patients_withhold_nothing_from_themselves(owner, speak):
    await put(owner, a_consent(**OPT_OUT))
    themselves = speak("patient/*.rs", patient="a", subject_type="person", fhir_user="Patient/a")
    assert ids(await themselves.get("/Observation")) == {"wa"}


@pytest.fixture
def installation(speak):
    """Speaks as the data folder's owner."""
    return speak("system/*.cruds", roles=(ROLE,), client_id=CLIENT_ID)


@pytest.mark.parametrize(
    "elements",
    [OPT_OUT, {"provision": {"provision": [{"type": "deny", "actor": [actor("Organization/other")]}]}}],
    ids=["from everybody", "from one organisation"],
)
async def test_whoever_keeps_the_records_is_withheld_nothing_and_whoever_is_unknown_is(
    owner, installation, speak, elements
):
    await put(owner, a_consent(**elements))
    again = {"resourceType": "Patient", "name": [{"family": "Family-a"}], "active": True}
    assert (await installation.put("/Patient?family=Family-a", json=again)).status_code == 200
    assert ids(await installation.get("/Observation")) == {"wa", "wb"}
    for unknown in (
        speak("system/*.cruds"),
        speak("system/*.cruds", roles=(ROLE,), client_id="hl7:north"),
        speak("system/*.cruds", client_id=CLIENT_ID),
    ):
        assert ids(await unknown.get("/Observation")) == {"wb"}


async def test_the_glass_is_broken_with_a_reason_and_reviewed(owner, clinician):
    await labelled(owner, ACT_CODE, "HIV")
    await put(owner, a_consent(**OPT_OUT))
    emergency = clinician(x_break_glass=REASON)
    for _ in range(2):
        assert ids(await emergency.get("/Observation")) == {"wa", "wb"}
    assert ids(await clinician().get("/Observation")) == {"wb"}
    (task,) = [entry["resource"] for entry in (await owner.get("/Task")).json()["entry"]]
    assert (task["description"], task["requester"]) == (REASON, {"reference": "Practitioner/p"})
    found = (await owner.post("/Task/$validate", json=task)).json()["issue"]
    assert not [issue for issue in found if issue["severity"] in ("error", "fatal")]


async def test_a_review_is_nothing_for_whom_it_is_about(owner, clinician, speak):
    await clinician(x_break_glass=REASON).get("/Observation")
    (task,) = [entry["resource"] for entry in (await owner.get("/Task")).json()["entry"]]
    done = task | {"status": "completed"}
    url = f"/Task/{task['id']}"
    assert (await clinician().get(url)).status_code == 200
    assert (await clinician().delete(url)).status_code == 403
    assert (await clinician().put(url, json=done)).status_code == 403
    entry = {"request": {"method": "DELETE", "url": url[1:]}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await clinician().post("/", json=bundle)).status_code == 403
    beforehand = done | {"id": "review-0"}
    assert (await clinician().put("/Task/review-0", json=beforehand)).status_code == 403
    colleague = speak("user/*.cruds", roles=("clinician",), subject_type="practitioner", hashed="another")
    assert (await colleague.put(url, json=done)).status_code == 200
    other = speak("system/*.cruds", roles=("owner",), hashed="owner")
    assert (await other.put("/Task/review-0", json=beforehand)).status_code == 201


@pytest.mark.parametrize("reason", ["", "short", "x" * 501])
async def test_the_glass_needs_a_good_reason(clinician, reason):
    assert (await clinician(x_break_glass=reason).get("/Observation")).status_code == 400


async def test_the_glass_is_for_those_who_may(speak):
    system = speak("system/*.rs", headers={"x-break-glass": REASON})
    assert (await system.get("/Observation")).status_code == 403


async def test_the_glass_gives_no_more_than_the_scopes(speak):
    narrow = speak(
        "user/Patient.rs", roles=("clinician",), subject_type="practitioner", headers={"x-break-glass": REASON}
    )
    assert (await narrow.get("/Observation")).status_code == 403


async def test_who_wrote_what_is_hidden_is_not_told(app, owner, clinician):
    await labelled(owner, ACT_CODE, "HIV")
    await app.trail_of(TENANT).trail.settled()
    written = ids(await owner.get("/Provenance?target=Observation/wa"))
    assert written
    assert ids(await clinician().get("/Provenance?target=Observation/wa")) == set()
    for logical_id in written:
        assert (await clinician().get(f"/Provenance/{logical_id}")).status_code == 404
    assert ids(await clinician().get("/Provenance?target=Observation/wb"))
    shown = (await clinician().get("/Observation?_revinclude=Provenance:target")).json()["entry"]
    targets = [
        entry["resource"]["target"][0]["reference"]
        for entry in shown
        if entry["resource"]["resourceType"] == "Provenance"
    ]
    assert targets
    assert not any(target.startswith("Observation/wa") for target in targets)
