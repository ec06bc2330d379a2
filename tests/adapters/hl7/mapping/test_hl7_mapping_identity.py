"""Numbers that no authority gives out tell nobody apart by themselves."""

from __future__ import annotations

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Plan
from mappings.merging import common
from tests.support.hl7 import ADT


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(common(), "north/REG")


def practitioners(plan: Plan, field: str) -> list[str]:
    """Return who the practitioners are of a message with *field* as its PV1-7."""
    raw = ADT.replace(b"PV1|1|I|WARD^2^1", f"PV1|1|I|WARD^2^1||||{field}".encode())
    entries = plan.apply(Message.parse(raw)).bundle["entry"]
    return [each["fullUrl"] for each in entries if each["resource"]["resourceType"] == "Practitioner"]


def test_the_same_number_and_name_is_the_same_practitioner(plan):
    assert practitioners(plan, "007^Hakizimana^Patrick") == practitioners(plan, "007^HAKIZIMANA^patrick^J")


@pytest.mark.parametrize("other", ["007^Mugisha^Patrick", "007^Hakizimana^Eric", "007", "008^Hakizimana^Patrick"])
def test_another_name_under_the_same_number_is_another_practitioner(plan, other):
    first = practitioners(plan, "007^Hakizimana^Patrick")
    assert len(first) == 1
    assert practitioners(plan, other) not in ([], first)


def test_an_authority_vouches_for_its_numbers(plan):
    authority = "^^^^^^NPI&1.2.9&ISO"
    assert practitioners(plan, f"007^Hakizimana^Patrick{authority}") == practitioners(
        plan, f"007^Mugisha^Patrick{authority}"
    )
