"""Random queries: each is answered or refused, none breaks the server.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_api.model import exact_json
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import RestfulReference
from fhir_api.operations.graphql.budget import Budget
from fhir_api.operations.graphql.document import read_document
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.execution import execute
from fhir_api.operations.graphql.records import Missing, Records, Search
from fhir_api.operations.graphql.request import Request
from fhir_api.operations.graphql.tree import QUERY, Element, Members

PATIENT: Members = {
    "resourceType": "Patient",
    "id": "a",
    "active": True,
    "name": [{"use": "official", "given": ["A", "B"], "_given": [None, {"id": "x"}]}, {"use": "usual"}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [{"reference": "Patient/a"}, {"reference": "urn:uuid:x"}, {"display": "x"}],
    "multipleBirthInteger": 2,
}


class OnePatient(Records):
    """A server with nothing but a patient."""

    def __init__(self) -> None:
        self.budget = Budget()

    def resource(self, key: ResourceKey, version_id: str | None = None) -> Members | Missing | None:
        return PATIENT if key == ResourceKey("Patient", "a") else None

    def referred(self, reference: RestfulReference) -> Members | Missing | None:
        return self.resource(reference.key)

    def connection(self, search: Search) -> Members | Missing:
        return {"offset": 0, "pagesize": 1, "edges": [{"mode": "match", "resource": PATIENT}]}

    def reference_parameter(self, resource_type: str, code: str) -> bool:
        return code == "subject"

    async def fetch(self) -> bool:
        return False


NAMES = st.sampled_from(
    [
        *("id", "active", "name", "given", "_given", "use", "contained", "managingOrganization", "resource"),
        *("generalPractitioner", "reference", "multipleBirthInteger", "__typename", "resourceType", "edges", "count"),
        *("Patient", "PatientList", "PatientConnection", "ObservationList", "List", "nothing", "extension", "__schema"),
    ]
)
VALUES = st.sampled_from(
    ['"a"', "a", "official", "1", "-1", "1.5", "true", "null", "[official, usual]", "{a: 1}", "$x", "subject", '"("']
)
ARGUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["id", "use", "fhirpath", "_count", "_offset", "optional", "type", "_reference", "if"]), VALUES
    ).map(": ".join),
    min_size=1,
    max_size=2,
).map(lambda given: f"({', '.join(given)})")
DIRECTIVES = st.sampled_from(
    ["", "", "", "@first", "@flatten", "@singleton", '@slice(path: "$index")', '@slice(path: "use")', "@skip(if: $x)"]
)
FIELDS = st.recursive(
    st.tuples(NAMES, DIRECTIVES).map(" ".join),
    lambda inner: st.tuples(
        NAMES | st.sampled_from(["... on Patient", "... on Nothing", "...", "alias: name", "alias: id"]),
        st.just("") | ARGUMENTS,
        DIRECTIVES,
        st.lists(inner, min_size=1, max_size=3).map(lambda fields: "{ " + " ".join(fields) + " }"),
    ).map(" ".join),
    max_leaves=8,
)
ROOTS = st.sampled_from([Element({}, QUERY, {}), Element(PATIENT, "Patient", PATIENT)])


@given(fields=st.lists(FIELDS, min_size=1, max_size=3), root=ROOTS, value=st.booleans() | st.none())
def test_every_query_is_answered_or_refused(fields: list[str], root: Element, value: Any) -> None:
    query = "query($x: Boolean) { " + " ".join(fields) + " }"
    with suppress(QueryError):
        document = read_document(Request(query, None, {"x": value}))
        exact_json.written(asyncio.run(execute(document, root, OnePatient())))


@given(query=st.text(max_size=40) | st.text(alphabet='{}()[]:$@.!"#\\ ae1-', max_size=40))
def test_every_text_is_a_query_or_refused(query: str) -> None:
    with suppress(QueryError):
        read_document(Request(query, None, {}))
