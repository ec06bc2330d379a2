"""What a caller finds is what anybody would find if there were nothing but what the caller may reach.

That is all there is to say about totals, chains, ``_has`` and includes: hidden resources leave no trace in any of them.
"""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance.compartments import compartments
from fhir_api.access.guarded import GuardedStore
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.store.memory.store import MemoryStores
from identity.access.scopes.permissions import Permissions
from identity.access.scopes.resource_scope import Constraint, Context, ResourceScope
from tests.contract.conftest import NewStore
from tests.support.callers import EveryLabel, as_seen
from tests.support.oracle.answer import Oracle, Question
from tests.support.oracle.asking import Asker
from tests.support.oracle.comparing import Comparison
from tests.support.oracle.definitions import Tree
from tests.support.oracle.population import POPULATIONS
from tests.support.stores import key_of, query

UTC = ZoneInfo("UTC")
QUESTIONS = 15
MODIFIERS = ("", ":not", ":missing", ":exact", ":contains")

Compared = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Narrowed:
    """A caller with chance scopes on a population, and what they should see of it.

    Attributes:
        visible: the resources that the scopes let through, by the oracle.
        questions: the searches that mean what the scopes mean.
    """

    def __init__(self, resources: list[Tree], chance: random.Random) -> None:
        self.oracle = Oracle(resources, UTC)
        self._asker = Asker(self.oracle, chance)
        self._chance = chance
        keys = sorted(self.oracle.resources)
        patients = [key for key in keys if key.startswith("Patient/")] or keys
        self._patient = chance.choice(patients).partition("/")[2]
        self.questions: list[Question] = []
        scopes: list[ResourceScope] = []
        seen: set[str] = set()
        for name in sorted({key.partition("/")[0] for key in self.oracle.resources}):
            for scope, question in self._scopes(name):
                scopes.append(scope)
                # what a scope says is what its app asks for
                self.questions.append(question)
                seen |= self.oracle.answer(question)
        self.permissions = Permissions(scopes, self._patient)
        self.visible = [tree for key, tree in self.oracle.resources.items() if key in seen]

    def _scopes(self, name: str) -> list[tuple[ResourceScope, Question]]:
        way = self._chance.random()
        if way < 0.15:
            return []
        if way < 0.45:
            return [(ResourceScope(Context.USER, name, "rs"), Question((name,), ()))]
        if way < 0.6 and name != "Patient" and name in compartments()["Patient"]:
            scope = ResourceScope(Context.PATIENT, name, "rs")
            return [(scope, Question((name,), (), f"Patient/{self._patient}"))]
        return [found for _ in range(self._chance.choice((1, 2))) if (found := self._constrained(name)) is not None]

    def _constrained(self, name: str) -> tuple[ResourceScope, Question] | None:
        code, value = self._asker._pair(name)
        bare, _, modifier = code.partition(":")
        if (modifier and f":{modifier}" not in MODIFIERS) or bare == "_id" or value.startswith("ap"):
            return None
        constraint = Constraint(code, frozenset({value}))
        return (
            ResourceScope(Context.USER, name, "rs", frozenset({constraint})),
            Question((name,), ((code, value),)),
        )

    def see(self, store) -> GuardedStore:
        return as_seen(store, self.permissions, policy=EveryLabel())


def is_refused(error: FhirError, question: Question, allowed: set[str]) -> bool:
    """Tell whether the question is about a type without any scope, or a hierarchy of which some is hidden."""
    is_of_hierarchy = any(":above" in name or ":below" in name for name, _ in question.pairs)
    return error.kind is ErrorKind.FORBIDDEN and (is_of_hierarchy or allowed.isdisjoint(question.types))


async def compare(new_store: NewStore, resources: list[Tree], chance: random.Random) -> None:
    narrowed = Narrowed(resources, chance)
    store = new_store()
    everything = Comparison(store, resources, UTC)
    await everything.fill()
    seen = narrowed.see(store)
    comparison = Comparison(seen, narrowed.visible, UTC)
    allowed = {key.partition("/")[0] for key in comparison.oracle.resources}
    for question in (*everything.questions(QUESTIONS, chance), *narrowed.questions):
        try:
            assert await comparison.difference(question) is None
        except FhirError as error:
            if not is_refused(error, question, allowed):
                raise
    for key in narrowed.oracle.resources:
        found = await seen.currents([key_of(key)])
        assert bool(found) is (key in comparison.oracle.resources)


@settings(Compared, max_examples=8, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(resources=POPULATIONS, chance=st.randoms(use_true_random=True))
async def test_a_caller_finds_what_there_would_be_to_find(
    new_store: NewStore, resources: list[Tree], chance: random.Random
) -> None:
    await compare(new_store, resources, chance)


@pytest.mark.nightly
@settings(Compared, max_examples=1000)
@given(resources=POPULATIONS, chance=st.randoms(use_true_random=True))
async def test_callers_find_what_there_would_be_to_find(
    new_store: NewStore, resources: list[Tree], chance: random.Random
) -> None:
    await compare(new_store, resources, chance)


@settings(Compared, max_examples=8, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(resources=POPULATIONS, chance=st.randoms(use_true_random=True))
async def test_includes_add_what_there_would_be_to_add(
    new_store: NewStore, resources: list[Tree], chance: random.Random
) -> None:
    narrowed = Narrowed(resources, chance)
    store, alone = new_store(), MemoryStores().for_tenant("alone")
    await Comparison(store, resources, UTC).fill()
    await Comparison(alone, narrowed.visible, UTC).fill()
    seen = narrowed.see(store)
    types = sorted({tree["resourceType"] for tree in narrowed.visible})
    some = sorted(chance.sample(types, min(3, len(types))))
    rules = "&".join(f"_include:iterate={name}:*&_revinclude:iterate={name}:*" for name in some)
    for name in some:
        asked = query(f"{name}?_count=1000&{rules}")
        there, here = await alone.search(asked), await seen.search(asked)
        assert {each.key for each in here.matches} == {each.key for each in there.matches}
        assert {each.key for each in here.included} == {each.key for each in there.included}
