"""The quick verdict and the explaining walk never disagree, whatever a resource looks like."""

from __future__ import annotations

import copy
import gzip
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology
from fhir_api.validation.codes import Codes
from fhir_api.validation.explanation import explain
from fhir_api.validation.shapes import ShapeMemory
from fhir_api.validation.verdict import Verdict

EXAMPLES = Path(__file__).parents[3] / "../shared/data/r4-examples/examples.ndjson.gz"
MUTANTS_OF_EACH = 3
TERMINOLOGY = Terminology(core_library())
STRANGE: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    1.0,
    1.5,
    "",
    " ",
    "a b",
    "x",
    "#x",
    "#",
    "2020-02-30",
    "2020",
    "a" * 200,
    [],
    {},
    [[]],
]
STRANGE += [["x"], [None], {"id": "x"}, {"x": 1}, {"extension": []}, {"resourceType": "Patient"}, ["id"], "Patient?a=b"]
NAMES = [
    "id",
    "extension",
    "contained",
    "resourceType",
    "meta",
    "value",
    "valueString",
    "_valueCode",
    "_id",
    "text",
    "url",
]

Place = tuple[Any, Any]


@pytest.fixture(scope="module")
def trees() -> list[dict[str, Any]]:
    if not EXAMPLES.exists():
        pytest.skip("the official R4 examples are not here")
    with gzip.open(EXAMPLES) as lines:
        return [orjson.loads(line) for line in lines if len(line) < 20_000]


@pytest.mark.parametrize(
    "memory",
    [{"meetings": 1}, {}, {"meetings": 2**31}, {"most": 20, "meetings": 2}],
    ids=["generated at once", "default", "interpreted", "ever forgetting"],
)
def test_verdict_and_walk_agree_on_mutants(trees: list[dict[str, Any]], memory: dict[str, int]) -> None:
    verdict = Verdict(ShapeMemory(**memory), terminology=TERMINOLOGY)
    chance = random.Random(4)  # noqa: S311 - mutations are no secret
    refused = 0
    for tree in trees:
        for _ in range(MUTANTS_OF_EACH):
            mutant = mutated(tree, chance)
            issues = explain(mutant, in_bundle=False, codes=Codes(TERMINOLOGY)).issues
            assert verdict.is_sound(mutant, in_bundle=False) is not bool(issues), (issues, orjson.dumps(mutant))
            refused += bool(issues)
    assert 0.3 * MUTANTS_OF_EACH * len(trees) < refused < 0.95 * MUTANTS_OF_EACH * len(trees)


def mutated(tree: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a copy of *tree* with one to three mutations, each at a random place."""
    mutant = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 3)):
        places = list(places_of(mutant))
        if places:
            holder, key = chance.choice(places)
            chance.choice(MUTATIONS)(holder, key, chance)
    return mutant


def places_of(holder: Any) -> Iterator[Place]:
    """Yield each place in a tree, as what holds it and its name or index."""
    pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
    for key, value in pairs:
        if holder is not value:
            yield holder, key
            yield from places_of(value)


def _delete(holder: Any, key: Any, _chance: random.Random) -> None:
    del holder[key]


def _retype(holder: Any, key: Any, chance: random.Random) -> None:
    holder[key] = copy.deepcopy(chance.choice(STRANGE))


def _wrap(holder: Any, key: Any, _chance: random.Random) -> None:
    holder[key] = [holder[key]]


def _unwrap(holder: Any, key: Any, _chance: random.Random) -> None:
    if isinstance(holder[key], list) and holder[key]:
        holder[key] = holder[key][0]


def _double(holder: Any, key: Any, _chance: random.Random) -> None:
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))


def _rename(holder: Any, key: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        holder[chance.choice([f"_{key}", f"{key}x", key[:-1], key.lstrip("_"), *NAMES])] = holder.pop(key)


def _complete(holder: Any, key: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        one = {"id": "a"}
        several = [one if chance.random() < 0.7 else None for _ in range(chance.randint(1, 3))]
        holder[f"_{key}"] = several if isinstance(holder[key], list) else one


def _add(holder: Any, _key: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(NAMES)] = copy.deepcopy(chance.choice(STRANGE))


def _reorder(holder: Any, _key: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        members = list(holder.items())
        chance.shuffle(members)
        holder.clear()
        holder.update(members)


def _gap(holder: Any, key: Any, _chance: random.Random) -> None:
    if isinstance(holder, list):
        holder[key] = None


def _change_text(holder: Any, key: Any, chance: random.Random) -> None:
    if isinstance(holder[key], str):
        text = holder[key]
        at = chance.randint(0, len(text))
        holder[key] = text[:at] + chance.choice(["", " ", "\t", "\x00", "?", "/", "#", "<", "9", "Z"]) + text[at + 1 :]


MUTATIONS: list[Callable[[Any, Any, random.Random], None]] = [
    _delete,
    _retype,
    _wrap,
    _unwrap,
    _double,
    _rename,
    _complete,
    _add,
    _reorder,
    _gap,
    _change_text,
]
