"""``$validate`` asks the rules beyond structure, with what is stored here, and names line and column."""

from __future__ import annotations

from typing import Any

from tests.support.outcomes import outcome

JSON = {"content-type": "application/fhir+json"}
XML = {"content-type": "application/fhir+xml"}
DETAILS = "https://fhir.stanforis.example/CodeSystem/issue-details"
QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "url": "http://example.org/Questionnaire/q",
    "status": "active",
    "item": [{"linkId": "a", "type": "integer"}],
}
RESPONSE = b"""{"resourceType": "QuestionnaireResponse", "status": "completed",
 "questionnaire": "http://example.org/Questionnaire/q",
 "item": [
  {"linkId": "a", "answer": [{"valueString": "x"}]}]}"""
PATIENT = b"""<Patient xmlns="http://hl7.org/fhir">
  <identifier>
    <system value="here"/>
  </identifier>
</Patient>"""


def told(issues: list[dict[str, Any]]) -> list[tuple[str, str, list[int]]]:
    return [
        (coding["code"], issue["severity"], [each["valueInteger"] for each in issue.get("extension", ())])
        for issue in issues
        for coding in issue.get("details", {}).get("coding", ())
        if coding["system"] == DETAILS
    ]


async def test_a_response_is_checked_against_the_stored_questionnaire(client):
    unknown = await client.post("/QuestionnaireResponse/$validate", content=RESPONSE, headers=JSON)
    assert ("questionnaire-response", "warning", [2, 19]) in told(outcome(unknown)["issue"])
    assert (await client.post("/Questionnaire", json=QUESTIONNAIRE, headers=JSON)).status_code == 201
    known = await client.post("/QuestionnaireResponse/$validate", content=RESPONSE, headers=JSON)
    assert ("questionnaire-response", "error", [4, 46]) in told(outcome(known)["issue"])


async def test_a_resource_in_parameters_keeps_its_line(client):
    body = b'{"resourceType": "Parameters", "parameter": [\n {"name": "resource", "resource":\n' + RESPONSE + b"}]}"
    answer = await client.post("/QuestionnaireResponse/$validate", content=body, headers=JSON)
    assert ("questionnaire-response", "warning", [4, 19]) in told(outcome(answer)["issue"])


async def test_a_resource_in_xml_has_lines_too(client):
    answer = await client.post("/Patient/$validate", content=PATIENT, headers=XML)
    assert ("identifier", "error", [3, 5]) in told(outcome(answer)["issue"])


async def test_a_questionnaire_with_a_condition_that_leads_nowhere_is_not_stored(client):
    condition = {"question": "z", "operator": "exists", "answerBoolean": True}
    item = {"linkId": "b", "type": "string", "enableWhen": [condition]}
    answer = await client.post("/Questionnaire", json={**QUESTIONNAIRE, "item": [item]}, headers=JSON)
    assert answer.status_code == 400
    assert [code for code, _, _ in told(outcome(answer)["issue"])] == ["questionnaire"]
