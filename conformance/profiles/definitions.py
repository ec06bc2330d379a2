"""From a package's source to its conformance resources.

Spec: https://hl7.org/fhir/R4/conformance-module.html
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.profiles.elements import Tree, differential, element, parts, root
from conformance.profiles.source import Codes, Element, Extension, Profile, Source

_CORE = "http://hl7.org/fhir/StructureDefinition/"


def definitions(source: Source) -> Iterator[Tree]:
    """Yield every conformance resource of a package."""
    for name, identifier in source.identifiers.items():
        yield _naming_system(source, name, identifier.title)
    for name, codes in source.codes.items():
        yield _code_system(source, name, codes)
        yield _value_set(source, name, codes)
    for name, extension in source.extensions.items():
        yield _extension(source, name, extension)
    for name, profile in source.profiles.items():
        yield _profile(source, name, profile)


def _head(source: Source, resource_type: str, name: str, title: str, description: str = "") -> Tree:
    return {
        "resourceType": resource_type,
        "id": name,
        "url": source.url(resource_type, name),
        "version": source.version,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": source.date,
        "publisher": source.publisher,
        "description": description or f"{title}.",
    }


def _naming_system(source: Source, name: str, title: str) -> Tree:
    return {
        "resourceType": "NamingSystem",
        "id": f"identifier-{name}",
        "name": "".join(word.capitalize() for word in name.split("-")),
        "status": "active",
        "kind": "identifier",
        "date": source.date,
        "publisher": source.publisher,
        "description": f"{title}.",
        "uniqueId": [{"type": "uri", "value": source.system(name), "preferred": True}],
    }


def _code_system(source: Source, name: str, codes: Codes) -> Tree:
    return _head(source, "CodeSystem", name, codes.title, codes.description) | {
        "caseSensitive": True,
        "valueSet": source.url("ValueSet", name),
        "content": "complete",
        "count": len(codes.codes),
        "concept": [{"code": code, "display": display} for code, display in codes.codes.items()],
    }


def _value_set(source: Source, name: str, codes: Codes) -> Tree:
    include = [{"system": source.url("CodeSystem", name)}]
    return _head(source, "ValueSet", name, codes.title) | {"compose": {"include": include}}


def _extension(source: Source, name: str, said: Extension) -> Tree:
    url = source.url("StructureDefinition", name)
    elements = [root(source, "Extension", said.rules)]
    if said.parts:
        elements += parts(source, said.parts)
    else:
        elements.append(element(source, "Extension", "extension", Element(card="0..0")))
    elements.append(element(source, "Extension", "url", Element(fixed={"uri": url})))
    value = Element(card="0..0") if said.parts else Element(card="1..1", types=(said.type,), bind=said.bind)
    elements.append(element(source, "Extension", "value[x]", value))
    return (
        _structure(source, name, said.title, "complex-type")
        | {"context": [{"type": "element", "expression": place} for place in said.context]}
        | {"type": "Extension", "baseDefinition": f"{_CORE}Extension", "derivation": "constraint"}
        | {"differential": {"element": elements}}
    )


def _profile(source: Source, name: str, said: Profile) -> Tree:
    base = _type_of(source, said)
    elements = [root(source, base, said.rules), *differential(source, base, said)]
    kind = "complex-type" if base == "Address" else "resource"
    return (
        _structure(source, name, said.title, kind, said.description)
        | {"type": base, "baseDefinition": _base(source, said.of), "derivation": "constraint"}
        | {"differential": {"element": elements}}
    )


def _structure(source: Source, name: str, title: str, kind: str, description: str = "") -> Tree:
    head = _head(source, "StructureDefinition", name, title, description)
    return head | {"fhirVersion": "4.0.1", "kind": kind, "abstract": False}


def _type_of(source: Source, said: Profile) -> str:
    above = source.profiles.get(said.of)
    return _type_of(source, above) if above else said.type or said.of


def _base(source: Source, of: str) -> str:
    if of in source.profiles:
        return source.url("StructureDefinition", of)
    return of if "://" in of else f"{_CORE}{of}"
