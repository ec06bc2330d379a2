"""The table of codes that stand for others is what the published code systems say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from conformance.library import read
from fhir_api.access.hierarchies import above, is_confidentiality, up_to, with_below

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def _parents(concepts: list[dict[str, Any]], parent: str | None = None) -> Iterator[tuple[str, str]]:
    for each in concepts:
        told = [one["valueCode"] for one in each.get("property", ()) if one["code"] == "subsumedBy"]
        yield from ((above, each["code"]) for above in (*told, *filter(None, (parent,))))
        yield from _parents(each.get("concept", []), each["code"])


@pytest.mark.parametrize(
    ("system", "root"), [("v3-ActReason", "PurposeOfUse"), ("v3-ActCode", "_ActInformationSensitivityPolicy")]
)
def test_what_stands_below_a_code(system, root):
    published = read("CodeSystem", f"{TERMINOLOGY}/{system}")
    assert published is not None
    below: dict[str, set[str]] = {}
    for parent, code in _parents(orjson.loads(published)["concept"]):
        below.setdefault(parent, set()).add(code)

    def whole(code: str) -> set[str]:
        return {code}.union(*map(whole, below.get(code, ())))

    codes = whole(root) - {root}
    assert len(codes) > 20
    assert {code: with_below(code) for code in codes} == {code: whole(code) for code in codes}


def test_confidentiality_is_a_level():
    assert (up_to("N"), above("N"), above("V")) == (("U", "L", "M", "N"), ("R", "V"), ())
    assert [is_confidentiality(code) for code in ("N", "NR", "HIV", "")] == [True, False, False, False]
