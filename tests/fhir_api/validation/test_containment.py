"""What a resource contains has to be referred to, in one of the ways there are."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_api.validation.containment import unreferenced

CONTAINED = {"resourceType": "Organization", "id": "a"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def places(*contained: dict[str, Any], **members: Any) -> list[int]:
    return list(unreferenced({"resourceType": "Patient", "contained": list(contained), **members}))


@pytest.mark.parametrize(
    "members",
    [
        {"managingOrganization": {"reference": "#a"}},
        {"extension": [{"url": "http://a.b", "valueCanonical": "#a"}]},
        {"extension": [{"url": "http://a.b", "valueUri": "#a"}]},
        {"text": {"div": DIV.format('<img src="#a"/>')}},
        {"section": [{"text": {"div": DIV.format("<a href = '#a'>b</a>")}}]},
    ],
)
def test_what_is_referred_to_is_found(members: dict[str, Any]) -> None:
    assert places(CONTAINED, **members) == []


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"managingOrganization": {"reference": "#b"}},
        {"managingOrganization": {"reference": "Organization/a"}},
        {"extension": [{"url": "http://a.b", "valueString": "#a"}]},
        {"text": {"div": DIV.format("#a")}},
    ],
)
def test_what_nothing_refers_to_is_named(members: dict[str, Any]) -> None:
    assert places(CONTAINED, **members) == [0]


def test_contained_resources_may_refer_to_each_other_or_to_their_container() -> None:
    container = {"resourceType": "Provenance", "id": "b", "target": [{"reference": "#"}]}
    child = {"resourceType": "Organization", "id": "c", "partOf": {"reference": "#a"}}
    assert places(CONTAINED, container, child) == [2]
