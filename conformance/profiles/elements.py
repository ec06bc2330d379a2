"""From the source's short form to the elements of a differential.

Spec: https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.profiles.source import Element, Identifier, Part, Profile, Rule, Slice, Source

Tree = dict[str, Any]
_TYPE = re.compile(r"(?P<name>[A-Za-z]+)(?:\((?P<targets>[^)]*)\))?")
_REFERRING = ("Reference", "canonical")
_BY_URL = Slice("value:url")
_BY_SYSTEM = Slice("value:system")


def differential(source: Source, base: str, said: Profile) -> Iterator[Tree]:
    """Yield the elements of a profile on *base*, each sliced element before its slices."""
    elements = dict(said.elements)
    sliced: set[str] = set()
    for key in [each for each in elements if each.startswith("extension:")]:
        yield from _extension(source, base, key, elements.pop(key), sliced)
    if said.identifiers:
        yield element(source, base, "identifier", elements.pop("identifier", Element()), _BY_SYSTEM)
        for name, card in said.identifiers.items():
            yield from _identifier(source, base, name, source.identifiers[name], card)
    for key, each in elements.items():
        if ".extension:" in key:
            yield from _extension(source, base, key, each, sliced)
        else:
            yield element(source, base, key, each)


def element(source: Source, base: str, key: str, said: Element, slicing: Slice | None = None) -> Tree:
    """Return one ElementDefinition; *key* is its id without the type, empty for the root."""
    tree = _identified(base, key)
    slicing = slicing or said.slice
    if slicing is not None:
        kind, _, path = slicing.by.partition(":")
        tree["slicing"] = {"discriminator": [{"type": kind, "path": path}], "rules": slicing.rules}
    if said.short:
        tree["short"] = said.short
    tree |= _cardinality(said.card)
    if said.types:
        tree["type"] = [_type(source, kind) for kind in said.types]
    for what, values in (("fixed", said.fixed), ("pattern", said.pattern)):
        for kind, value in values.items():
            tree[f"{what}{kind[0].upper()}{kind[1:]}"] = value
    if said.must:
        tree["mustSupport"] = True
    return tree | _binding(source, said.bind)


def root(source: Source, base: str, rules: Mapping[str, Rule]) -> Tree:
    """Return the root element with constraints."""
    constraints = [
        constraint(key, rule.says, rule.that.replace("{canonical}", source.canonical)) for key, rule in rules.items()
    ]
    return _identified(base, "") | ({"constraint": constraints} if constraints else {})


def constraint(key: str, says: str, that: str) -> Tree:
    """Return an error-level constraint."""
    return {"key": key, "severity": "error", "human": f"{says}.", "expression": that}


def parts(source: Source, said: Mapping[str, Part]) -> Iterator[Tree]:
    """Yield the elements of an extension that has parts."""
    yield element(source, "Extension", "extension", Element(slice=_BY_URL))
    for name, part in said.items():
        key = f"extension:{name}"
        yield _identified("Extension", key) | _cardinality(part.card)
        yield element(source, "Extension", f"{key}.extension", Element(card="0..0"))
        yield element(source, "Extension", f"{key}.url", Element(fixed={"uri": name}))
        yield element(source, "Extension", f"{key}.value[x]", Element(card="1..1", types=(part.type,), bind=part.bind))


def _identifier(source: Source, base: str, name: str, said: Identifier, card: str) -> Iterator[Tree]:
    key = f"identifier:{name}"
    yield _identified(base, key) | {"short": said.title} | _cardinality(card)
    yield element(source, base, f"{key}.system", Element(card="1..1", fixed={"uri": source.system(name)}))
    value = element(source, base, f"{key}.value", Element(card="1..1"))
    if said.format:
        value["constraint"] = [constraint(said.key, said.says, f"matches('^{said.format}$')")]
    yield value


def _extension(source: Source, base: str, key: str, said: Element, sliced: set[str]) -> Iterator[Tree]:
    above, _, name = key.rpartition(":")
    if above not in sliced:
        sliced.add(above)
        yield element(source, base, above, Element(slice=_BY_URL))
    url = source.url("StructureDefinition", name)
    yield element(source, base, key, said) | {"type": [{"code": "Extension", "profile": [url]}]}


def _identified(base: str, key: str) -> Tree:
    identity = f"{base}.{key}" if key else base
    tree: Tree = {"id": identity, "path": re.sub(r":[^.]+", "", identity)}
    last = key.rpartition(".")[2]
    return tree | ({"sliceName": last.partition(":")[2]} if ":" in last else {})


def _cardinality(card: str) -> Tree:
    low, _, high = card.partition("..")
    return ({"min": int(low)} if low else {}) | ({"max": high} if high else {})


def _binding(source: Source, bind: str) -> Tree:
    if not bind:
        return {}
    strength, name = bind.split()
    return {"binding": {"strength": strength, "valueSet": source.url("ValueSet", name)}}


def _type(source: Source, text: str) -> Tree:
    found = _TYPE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no type")
    if not found["targets"]:
        return {"code": found["name"]}
    targets = [_definition(source, name) for name in found["targets"].split("|")]
    return {"code": found["name"], "targetProfile" if found["name"] in _REFERRING else "profile": targets}


def _definition(source: Source, name: str) -> str:
    if name in source.profiles:
        return source.url("StructureDefinition", name)
    return f"http://hl7.org/fhir/StructureDefinition/{name}"
