"""References between entries of a transaction, replaced by what their targets are called on this server.

Spec: https://hl7.org/fhir/R4/bundle.html#references, https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from fhir_api.interactions.texts import Text, texts
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.references import parse_restful
from fhir_api.model.resource import parse_json

_REFERENCE = b'"reference":"'
_REST_OF_STRING = re.compile(rb'(?:[^"\\]|\\.)*')
_STRING = re.compile(rb'("(?:[^"\\]|\\.)*")(:?)')
_NARRATIVE_LINK = re.compile(r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""", re.DOTALL)
_LINK_TYPES = frozenset({"uri", "url"})
"""Not ``canonical``, as the specification says; nor ``oid`` and ``uuid``, which cannot hold what a target is called."""
_URN = ("urn:uuid:", "urn:oid:")


class Target(NamedTuple):
    """What an entry's fullUrl became.

    Attributes:
        key: the resource's name on this server.
        version_id: the version that the transaction makes; None where no reference asks for it.
    """

    key: ResourceKey
    version_id: int | None = None


class Links:
    """What each fullUrl of a transaction became."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets
        self._names = {full_url.encode(): str(target.key).encode() for full_url, target in targets.items()}
        self._marks = _marks(targets)

    def rewrite(self, text: bytes, full_url: str | None) -> bytes:
        """Return the compact JSON of the resource of entry *full_url* with its links replaced, all else as it was.

        Raises:
            FhirError: UNPROCESSABLE, with its place, for a ``urn:uuid:`` or ``urn:oid:`` that no entry answers.
        """
        parts = text.split(_REFERENCE)
        names = self._names
        for number in range(1, len(parts)):
            part = parts[number]
            reference = part[: part.find(b'"')]
            name = names.get(reference)
            parts[number] = name + part[len(reference) :] if name else self._unusual(part, text, full_url)
        rewritten = _REFERENCE.join(parts)
        # what is left may stand in a uri, or in a link of the narrative: rare, so these are looked for by type
        for mark in self._marks:
            if mark in rewritten:
                return self._rewrite_by_type(rewritten, full_url)
        return rewritten

    def resolve(self, link: str, full_url: str | None) -> str | None:
        """Return what *link*, found in the entry *full_url*, is called on this server; None if it leads outside."""
        plain, mark, fragment = link.partition("#")
        target, is_versioned = self._targets.get(plain), False
        if target is None:
            restful = parse_restful(plain)
            if restful is None:
                return None
            # a relative reference is relative to the base of the entry's own fullUrl
            base = restful.base or (_base(full_url) if full_url else None)
            target, is_versioned = self._targets.get(f"{base}/{restful.key}"), restful.version_id is not None
        if target is None:
            return None
        version = f"/_history/{target.version_id}" if is_versioned and target.version_id else ""
        return f"{target.key}{version}{mark}{fragment}"

    def _unusual(self, part: bytes, text: bytes, full_url: str | None) -> bytes:
        """Return *part*, which begins with a reference that is no fullUrl as it stands, with the reference replaced."""
        match = _REST_OF_STRING.match(part)
        literal = match[0] if match else b""
        reference = _unquoted(b'"%b"' % literal)
        found = self.resolve(reference, full_url)
        if found is not None:
            return orjson.dumps(found)[1:-1] + part[len(literal) :]
        if reference.startswith(_URN):
            raise _dangling(text, reference)
        return part

    def _rewrite_by_type(self, text: bytes, full_url: str | None) -> bytes:
        """Return *text* with the links in it replaced that are no References."""
        found, unknown = texts(parse_json(text)), Text("", "", "")

        def replace(match: re.Match[bytes]) -> bytes:
            # texts come in the order of the JSON; what a colon follows is a property's name
            return match[0] if match[2] else self._replaced(next(found, unknown), full_url) or match[0]

        return _STRING.sub(replace, text)

    def _replaced(self, text: Text, full_url: str | None) -> bytes | None:
        """Return the JSON of a text whose links are replaced; None if nothing in it is."""
        if text.kind in _LINK_TYPES:
            found = self.resolve(text.value, full_url)
            return None if found is None else orjson.dumps(found)
        if text.kind != "xhtml":
            return None

        def link(match: re.Match[str]) -> str:
            return f"{match[1]}{match[2]}{self.resolve(match[3], full_url) or match[3]}{match[2]}"

        narrative = _NARRATIVE_LINK.sub(link, text.value)
        return None if narrative == text.value else orjson.dumps(narrative)


def _marks(targets: Mapping[str, Target]) -> tuple[bytes, ...]:
    """Return texts of which one stands in every resource that may hold a link to one of *targets*."""
    marks: set[str] = set()
    for full_url in targets:
        base = _base(full_url)
        marks |= {full_url[:9]} if base is None else {base, "href=", "src=", "href =", "src ="}
    return tuple(mark.encode() for mark in sorted(marks))


def _base(full_url: str) -> str | None:
    restful = parse_restful(full_url)
    return restful.base if restful else None


def _unquoted(literal: bytes) -> str:
    """Return a JSON string's text; what is wrong with it is told when the resource is parsed."""
    try:
        return str(orjson.loads(literal))
    except orjson.JSONDecodeError:
        return ""


def _dangling(text: bytes, reference: str) -> Exception:
    place = next((found.place for found in texts(parse_json(text)) if found.value == reference), "")
    return refuse(
        ErrorKind.UNPROCESSABLE,
        "A reference inside the transaction points at a fullUrl that no entry has.",
        code="not-found",
        expression=f"Resource.{place}",
    )
