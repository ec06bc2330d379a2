"""Narratives: links that lead somewhere, and one language.

That the XHTML holds nothing active is a matter of structure (see :mod:`fhir_api.validation.narrative`).

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml, https://hl7.org/fhir/R4/narrative.html#id
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Owner, Place, Tree

_XML: Final = "http://www.w3.org/XML/1998/namespace "


class _Link(NamedTuple):
    """One hyperlink or image.

    Attributes:
        target: the URL.
        path: names of the elements around it: ``div/p/a``.
    """

    target: str
    path: str


class _Content:
    """What one pass over a narrative finds.

    Attributes:
        anchors: each ``id``, and each ``name`` of an ``a``.
        links: in their order.
        languages: of the outermost element, by ``lang`` and ``xml:lang``.
    """

    def __init__(self, div: str) -> None:
        self.anchors: list[str] = []
        self.links: list[_Link] = []
        self.languages: dict[str, str] = {}
        self._path: list[str] = []
        parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.Parse(div.encode(), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._path:
            self.languages = {each: attributes[each] for each in ("lang", f"{_XML}lang") if each in attributes}
        self._path.append(local)
        if "id" in attributes:
            self.anchors.append(attributes["id"])
        if local == "a" and attributes.get("name", attributes.get("id")) != attributes.get("id"):
            self.anchors.append(attributes["name"])
        target = attributes.get("href" if local == "a" else "src")
        if target is not None:
            self.links.append(_Link(target, "/".join(self._path)))

    def _end(self, _name: str) -> None:
        self._path.pop()


def narrative(element: Tree, place: Place) -> Iterator[Issue]:
    """Check the links and the language of one Narrative."""
    div = element.get("div")
    if div is None:
        return
    content = _Content(div)
    yield from _languages(content, place)
    for link in content.links:
        if link.target.startswith("#") and len(link.target) > 1:
            if link.target[1:] not in _anchors(place.owner):
                yield place.error("not-found", f"The link at {link.path} leads to nothing in the resource.", "div")
        elif link.target.lower().startswith("urn:"):
            yield place.error("value", f"The link at {link.path} has the scheme urn, which nothing can follow.", "div")


def _languages(content: _Content, place: Place) -> Iterator[Issue]:
    stated = set(content.languages.values())
    if len(stated) > 1:
        yield place.warning("value", "The languages lang and xml:lang of the div differ.", "div")
    language = place.owner.resource.get("language")
    if language is not None and stated and language not in stated:
        yield place.warning("value", "The language of the div is not that of the resource.", "div")


def _anchors(owner: Owner) -> frozenset[str]:
    """Return what a link may lead to: ids in the resource's narratives, of its elements and contained resources."""
    if owner.anchors is None:
        owner.anchors = frozenset(_ids(owner.container))
    return owner.anchors


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _ids(each)
    elif isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        if isinstance(value.get("div"), str):
            yield from _Content(value["div"]).anchors
        for member in value.values():
            yield from _ids(member)
