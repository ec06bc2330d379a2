"""The outside messages, mapped: every one becomes a Bundle that the validator accepts, and nothing of it vanishes."""

from __future__ import annotations

from collections import Counter

import pytest

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Mapped, Plan
from fhir_api.model import exact_json
from fhir_api.model.resource import parse
from fhir_api.validation.validator import Validator
from mappings.merging import common
from tests.support.hl7 import samples

NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture(scope="module")
def mapped() -> dict[str, tuple[Message, Mapped]]:
    plan = Plan(common(), "sender")
    messages = {name: Message.parse(raw) for name, raw in samples().items()}
    return {name: (message, plan.apply(message, now=NOW)) for name, message in messages.items()}


def test_every_message_is_mapped_to_a_bundle_that_the_validator_accepts(
    mapped: dict[str, tuple[Message, Mapped]],
) -> None:
    validator = Validator()
    refused = {
        name: [issue.diagnostics for issue in found]
        for name, (_, each) in mapped.items()
        if (found := validator.check(parse(exact_json.written(each.bundle)), in_bundle=False)) or not each.structure
    }
    assert len(mapped) == 139
    assert refused == {}


def test_the_ledger_has_every_leaf_once(mapped: dict[str, tuple[Message, Mapped]]) -> None:
    for name, (message, each) in mapped.items():
        ledger = each.ledger
        accounted = Counter([*ledger.mapped, *ledger.unmapped, *(place for place, _ in ledger.ignored)])
        assert accounted == Counter(place for place, _ in message.leaves()), name


def test_the_events_of_the_samples_are_57(mapped: dict[str, tuple[Message, Mapped]]) -> None:
    events = {(message["MSH-9.1"], message["MSH-9.2"]) for message, _ in mapped.values()}
    assert len(events) >= 57
    assert len(common().plain["events"]) >= 100


def test_a_message_applied_twice_gives_the_same_bundle(mapped: dict[str, tuple[Message, Mapped]]) -> None:
    again = Plan(common(), "sender")
    for name, (message, each) in mapped.items():
        assert again.apply(message, now=NOW).bundle == each.bundle, name
        assert again.id == each.plan_id


def test_each_entry_has_an_identity_of_its_own(mapped: dict[str, tuple[Message, Mapped]]) -> None:
    for name, (_, each) in mapped.items():
        urls = [entry["fullUrl"] for entry in each.bundle["entry"]]
        assert len(set(urls)) == len(urls), name
        known = set(urls)
        assert {reference for reference in references(each.bundle) if reference.startswith("urn:")} <= known, name


def references(tree: object) -> list[str]:
    """Return all references in a tree."""
    if isinstance(tree, list):
        return [found for each in tree for found in references(each)]
    if not isinstance(tree, dict):
        return []
    own = [tree["reference"]] if isinstance(tree.get("reference"), str) else []
    return own + [found for each in tree.values() for found in references(each)]


def test_issues_and_unmapped_codes_never_have_a_patients_value(mapped: dict[str, tuple[Message, Mapped]]) -> None:
    for message, each in mapped.values():
        names = {value for value in message.values("PID-5.1") if len(value) > 3}
        assert not any(name in issue.text for issue in each.issues for name in names)
