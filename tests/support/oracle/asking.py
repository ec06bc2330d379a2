"""Questions about resources: made from what the expressions find in them, and from what is near it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from conformance.search_parameters import SearchParameterDefinition
from conformance.types import resource_types
from fhir_api.fhirpath import Item
from tests.support.oracle import dates, numbers, others, tokens
from tests.support.oracle.answer import PARENTS, PREFIXES, Oracle, Question
from tests.support.oracle.definitions import Tree, by_url, elements, parameters
from tests.support.oracle.texts import escape, folded

Pair = tuple[str, str]

ASKED = ("token", "string", "date", "number", "quantity", "uri", "reference", "composite", "special")
EVERYWHERE = frozenset({"_id", "_lastUpdated", "_text", "_content", "_query", "_filter", "_list", "_has", "_type"})
"""Parameters that are asked in their own way, or not here."""


@cache
def codes(resource_type: str) -> tuple[str, ...]:
    """Return the parameters of a type that can be asked."""
    known = parameters(resource_type)
    return tuple(code for code, each in sorted(known.items()) if code not in EVERYWHERE and each.type in ASKED)


class Asker:
    """Makes questions about the resources of an oracle; *chance* decides which."""

    def __init__(self, oracle: Oracle, chance: random.Random) -> None:
        self._oracle = oracle
        self._chance = chance
        self._keys = sorted(oracle.resources)
        self._known: dict[str, tuple[list[str], list[str]]] = {}
        self._types = sorted({key.partition("/")[0] for key in self._keys})

    def question(self) -> Question:
        """Return a search over one type (seldom over all), with one to three criteria."""
        if self._chance.random() < 0.04:
            return Question((), (self._pair("Resource"),))
        resource_type = self._chance.choice(self._types)
        pairs = tuple(self.criterion(resource_type) for _ in range(self._chance.choice((1, 1, 1, 2, 2, 3))))
        inside = self._chance.random() < 0.03
        return Question((resource_type,), pairs, f"Patient/{self._id()}" if inside else "")

    def criterion(self, resource_type: str, depth: int = 0) -> Pair:
        """Return one criterion: a parameter, or a chain or reverse chain that leads to one."""
        way = self._chance.random()
        if depth < 3 and way < 0.12:
            return self._chained(resource_type, depth)
        if depth < 3 and way < 0.2:
            return self._reversed(resource_type, depth)
        if way < 0.23:
            return "_id", ",".join({self._id() for _ in range(2)})
        if way < 0.25 and depth == 0:
            return "_list", self._id()
        return self._pair(resource_type)

    def _id(self) -> str:
        return self._chance.choice(self._keys).partition("/")[2]

    def _chained(self, resource_type: str, depth: int) -> Pair:
        links = [
            (code, target)
            for key in self._keys
            if key.startswith(f"{resource_type}/")
            for code in codes(resource_type)
            if parameters(resource_type)[code].type == "reference"
            for item in self._oracle.found(key, code)
            if (target := others.target(item) if item.type == "Reference" else None) in self._oracle.resources
            and str(target).partition("/")[0] in parameters(resource_type)[code].target
        ]
        if not links:
            return self._pair(resource_type)
        code, target = self._chance.choice(links)
        target_type = str(target).partition("/")[0]
        name, value = self.criterion(target_type, depth + 1)
        return f"{code}{self._chance.choice(('', f':{target_type}'))}.{name}", value

    def _reversed(self, resource_type: str, depth: int) -> Pair:
        links = [
            (key.partition("/")[0], code)
            for key in self._keys
            for code in codes(key.partition("/")[0])
            if parameters(key.partition("/")[0])[code].type == "reference"
            for item in self._oracle.found(key, code)
            if item.type == "Reference"
            and (others.target(item) or "").startswith(f"{resource_type}/")
            and resource_type in parameters(key.partition("/")[0])[code].target
        ]
        if not links:
            return self._pair(resource_type)
        source_type, code = self._chance.choice(links)
        name, value = self.criterion(source_type, depth + 1)
        return f"_has:{source_type}:{code}:{name}", value

    def _pair(self, resource_type: str) -> Pair:
        """Return a parameter with values; seldom one of those that every type has."""
        own, shared = self._answered(resource_type)
        known = shared if not own or self._chance.random() < 0.1 else own
        if not known:
            return "_id", self._id()
        definition = parameters(resource_type)[self._chance.choice(known)]
        return self._about(resource_type, definition, self._items(resource_type, definition))

    def _answered(self, resource_type: str) -> tuple[list[str], list[str]]:
        """Return the parameters that find something, those of every type apart."""
        if resource_type not in self._known:
            known = parameters(resource_type)
            found = [code for code in codes(resource_type) if self._items(resource_type, known[code])]
            everywhere = codes("Resource")
            self._known[resource_type] = (
                [code for code in found if code not in everywhere],
                [code for code in found if code in everywhere],
            )
        return self._known[resource_type]

    def _items(self, resource_type: str, definition: SearchParameterDefinition) -> list[tuple[str, Item]]:
        keys = [key for key in self._keys if resource_type == "Resource" or key.startswith(f"{resource_type}/")]
        return [(key, item) for key in keys for item in self._oracle.found(key, definition.code)]

    def _about(self, resource_type: str, definition: SearchParameterDefinition, items: list[tuple[str, Item]]) -> Pair:
        code = definition.code
        if definition.type != "composite" and self._chance.random() < 0.08:
            return f"{code}:missing", self._chance.choice(("true", "false"))
        if definition.type == "composite":
            return code, self._combined(definition, items)
        item = self._chance.choice(items)[1]
        made = list(values(definition, item, resource_type))
        if not made:
            return "_id", self._id()
        modifier, value = self._chance.choice(made)
        if modifier not in {"", "not", "exact", "contains"} or self._chance.random() < 0.7:
            return (f"{code}:{modifier}" if modifier else code), value
        more = list(values(definition, self._chance.choice(items)[1], resource_type))
        alike = [each for kind, each in more if kind == modifier]
        several = ",".join([value, *([self._chance.choice(alike)] if alike else [])])
        return (f"{code}:{modifier}" if modifier else code), several

    def _combined(self, definition: SearchParameterDefinition, items: list[tuple[str, Item]]) -> str:
        """Return a value for each component, from one element or from several."""
        made = []
        for component in definition.components:
            part = by_url(component.url)
            found = [
                value
                for key, base in items
                for item in self._oracle.inside(key, base, component.expression)
                for modifier, value in values(part, item, "")
                if not modifier
            ]
            made.append(self._chance.choice(found) if found else DEFAULTS[part.type])
        return "$".join(made)


def keeps_to_targets(resource: Tree) -> bool:
    """Tell whether a resource refers only to types that its parameters lead to; some examples break that rule."""
    known = parameters(resource["resourceType"])
    return all(
        _leads_to(known[code], item)
        for code in codes(resource["resourceType"])
        if known[code].type == "reference"
        for item in elements(resource, known[code].expression or "")
    )


def _leads_to(definition: SearchParameterDefinition, item: Item) -> bool:
    kind = (others.target(item) or "").partition("/")[0] if item.type == "Reference" else ""
    return kind not in resource_types() or kind in definition.target


DEFAULTS = {"token": "x", "quantity": "5", "date": "2020", "reference": "1", "string": "a", "number": "5", "uri": "u:x"}


def values(definition: SearchParameterDefinition, item: Item, resource_type: str) -> Iterator[tuple[str, str]]:
    """Yield modifiers and values that ask for an element, or for what is near it."""
    if item.value is None:
        return
    if definition.type == "token":
        yield from _tokens(item, tokens.IMPLIED.get((resource_type, definition.code)))
    elif definition.code == "phonetic":
        yield from ((modifier, value) for modifier, value in _strings(item) if not modifier)
    else:
        yield from MAKERS[definition.type](item)


MOST = Decimal("1e9")
"""Of greater numbers nothing near is asked."""
LONGEST = 40
"""How many digits a number may have."""
NEARBY = (("30.06", "60"), ("30.5", "49"), ("-179.9", "12"), ("179.9", "60"), ("0", "20000"))


def _tokens(item: Item, implied: str | None) -> Iterator[tuple[str, str]]:
    for system, code in tokens.tokens(item, implied):
        with_system = implied is not None or item.type != "code"
        for modifier in ("", "not"):
            if code:
                yield modifier, escape(code)
                yield modifier, escape(code.upper())
            if code and with_system:
                yield modifier, f"{escape(system or '')}|{escape(code)}"
                yield modifier, f"|{escape(code)}"
            if system:
                yield modifier, f"{escape(system)}|"
    for text in tokens.texts(item):
        yield from (("text", value) for modifier, value in _texts(text) if not modifier)
    if item.type in {"Coding", "CodeableConcept"}:
        yield from (("in", each) for each in tokens.MEMBERS)
        yield from (("not-in", each) for each in tokens.MEMBERS)
        yield from ((modifier, f"http://a.org|{code}") for modifier in ("above", "below") for code in "xyX")
    if item.type == "Identifier" and "type" in item.value:
        for coding in item.value["type"].get("coding", ()):
            if {"system", "code"} <= coding.keys() and "value" in item.value:
                texts = (coding["system"], coding["code"], item.value["value"])
                yield "of-type", "|".join(map(escape, texts))


def _strings(item: Item) -> Iterator[tuple[str, str]]:
    for text in others.strings(item):
        yield from _texts(text)


def _texts(text: str) -> Iterator[tuple[str, str]]:
    for each in sorted({text, text.upper(), text.lower(), text.swapcase()}):
        for modifier in ("", "exact", "contains"):
            yield modifier, escape(each)
            yield modifier, escape(each[: max(2, len(each) // 2)])
        if len(each) > 2:
            yield "contains", escape(each[1:])
            yield "", escape(each[1:])
        yield "", escape(each.split()[-1])
        yield from (("text", word[:4]) for word in folded(each).split() if word not in {"and", "or", "not"})


def _dates(item: Item) -> Iterator[tuple[str, str]]:
    if item.type not in dates.TYPES:
        return
    for text in _moments(item):
        yield from (("", f"{prefix}{text}") for prefix in ("", *PREFIXES))


def _moments(item: Item) -> Iterator[str]:
    texts: list[Any] = [item.value]
    if item.type == "Period":
        texts = [item.value.get("start"), item.value.get("end")]
    elif item.type == "Timing":
        bounds = item.value.get("repeat", {}).get("boundsPeriod", {})
        texts = [*item.value.get("event", ()), bounds.get("start"), bounds.get("end")]
    for text in filter(None, texts):
        yield text
        yield from sorted({text[:4], text[:7], text[:10]} - {text})
        if len(text) > len("2020-01-01T00:00"):
            yield text[:16]
            yield text[:16] + "Z"
            yield text[:19]


def _whole_numbers(item: Item) -> Iterator[tuple[str, str]]:
    if item.type in numbers.NUMBERS:
        yield from _numbers(Decimal(str(item.value)), "")


def _quantities(item: Item) -> Iterator[tuple[str, str]]:
    for amount, system, code, unit in numbers.amounts(item):
        units = ["", f"||{escape(code or unit or '')}", f"|{escape(system or '')}|{escape(code or 'x')}"]
        for each in units if code or unit else units[:1]:
            yield from _numbers(amount, each)
        if system == numbers.UCUM and code in numbers.MEASURES:
            kind, times = numbers.MEASURES[code]
            for other, (measured, other_times) in numbers.MEASURES.items():
                if measured == kind:
                    yield from _numbers((amount * times / other_times).normalize(), f"|{system}|{other}")


def _numbers(number: Decimal, unit: str) -> Iterator[tuple[str, str]]:
    near = (number, number + 1, round(number, 1), number * Decimal("1.1")) if abs(number) < MOST else (number,)
    for prefix in ("", *PREFIXES):
        yield from (("", f"{prefix}{text}{unit}") for each in near if len(text := f"{each:f}") < LONGEST)


def _uris(item: Item) -> Iterator[tuple[str, str]]:
    text = item.value
    yield "", escape(text)
    if "/" in text:
        yield "above", escape(f"{text}/more")
        yield "above", escape(f"{text}more")
        yield "below", escape(text)
        yield "below", escape(text.rpartition("/")[0])
        yield "", escape(text.rpartition("/")[0])
    if item.type == "canonical":
        yield "", escape(text.partition("|")[0])


def _references(item: Item) -> Iterator[tuple[str, str]]:
    if item.type == "canonical":
        url, bar, version = item.value.partition("|")
        yield "", escape(url)
        yield "", escape(url) + (f"|{escape(version)}" if bar else "|1")
        return
    if item.type != "Reference":
        return
    pointed = others.target(item)
    if pointed and "#" not in pointed:
        yield "", escape(pointed)
        kind, _, logical_id = pointed.partition("/")
        if logical_id and "/" not in logical_id and kind in resource_types():
            yield "", logical_id
            yield kind, logical_id
            if any(kind in parameters(kind)[code].target for code in PARENTS if code in parameters(kind)):
                yield "above", pointed
                yield "below", pointed
    identifier = item.value.get("identifier")
    if identifier:
        for modifier, value in _tokens(Item(identifier, "Identifier"), None):
            if not modifier:
                yield "identifier", value


def _positions(item: Item) -> Iterator[tuple[str, str]]:
    for longitude, distance in NEARBY:
        yield "", f"{item.value['latitude']}|{longitude}|{distance}|km"


MAKERS: dict[str, Callable[[Item], Iterator[tuple[str, str]]]] = {
    "string": _strings,
    "date": _dates,
    "number": _whole_numbers,
    "quantity": _quantities,
    "uri": _uris,
    "reference": _references,
    "special": _positions,
}
