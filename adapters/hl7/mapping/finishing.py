"""From resources that were being built to the transaction Bundle.

A resource gets an identity from what its rows say it is told apart by, never from chance: the same message gives the
same Bundle. Resources with one identity become one entry.

Spec: https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/http.html#cond-update
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from adapters.hl7.mapping.targets import REFERS, Building, Made, elements

Json = dict[str, Any]
NAMESPACE = uuid.UUID("6f1d5a3e-0a57-5c1b-9a53-6d1e3f0f7d2c")
"""Namespace of the UUIDs (version 5) of what HL7 v2 messages tell of."""
URI_SYSTEM = "urn:ietf:rfc:3986"
_SPECIAL = re.compile(r"[\\,$|]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_CANONICAL = msgspec.json.Encoder(order="deterministic", decimal_format="number")
_NAMESPACE = NAMESPACE.bytes
_BY_IDENTIFIER = ("identifier",)
_PENDING = "urn:uuid:00000000-0000-0000-0000-000000000000"


class Identity(NamedTuple):
    """Who a resource is.

    Attributes:
        full_url: ``urn:uuid:…``, the same whenever the message comes.
        identifier: the identifier that a conditional request asks for; None where the type has none.
    """

    full_url: str
    identifier: tuple[str, str] | None


class Finisher:
    """Finishes the resources of one message.

    Args:
        sender: name of the sender, within which identifiers without a system are unique.
        told_apart: for each resource type, the elements that tell its resources apart: alternatives of joined names.
        preferred: types of identifiers (table 0203), the one that tells most first.
        shared: types whose resources several parts of a message tell of; of others, each is one of its own.
        agreeing: for each resource type, what has to be the same as well where no authority gives out its numbers.
    """

    def __init__(
        self,
        sender: str,
        told_apart: Mapping[str, tuple[tuple[str, ...], ...]],
        preferred: tuple[str, ...],
        shared: frozenset[str],
        agreeing: Mapping[str, str],
    ) -> None:
        self._agreeing = agreeing
        self._shared = shared
        self._sender = sender
        self._told_apart = told_apart
        self._preferred = preferred
        self._trees: dict[int, Json] = {}
        self._parts: dict[int, Json] = {}
        self._is_open = False
        self._identities: dict[int, Identity] = {}
        self._count: dict[str, int] = {}
        self.order: list[Made] = []

    def tree(self, made: Made) -> Json:
        """Return a resource as JSON, without type; references are full URLs."""
        found = self._trees.get(id(made))
        if found is None:
            parts = self._parts.get(id(made))
            if parts is None:
                found = self._plain(made.content)
            else:
                # what told it apart is finished already
                rest = {
                    key: value
                    for key, value in made.content.items()
                    if (key if type(key) is str else key[0]) not in parts
                }
                found = {**parts, **self._plain(rest)}
            self._trees[id(made)] = found
        return found

    def identity(self, made: Made) -> Identity:
        """Return who a resource is."""
        found = self._identities.get(id(made))
        if found is None:
            self._identities[id(made)] = Identity(_PENDING, None)
            found = self._identities[id(made)] = self._identify(made)
            self.order.append(made)
        return found

    def _plain(self, content: Building) -> Json:
        out: Json = {}
        for key, value in content.items():
            kind = type(value)
            if kind is dict:
                value = self._reference(value) if len(value) == 1 and REFERS in value else self._plain(value)  # noqa: PLW2901 - what is written is the finished value
                if not value:
                    continue
            elif kind is Made:
                out |= self._reference(content)
                continue
            if type(key) is str:
                out[key] = value
                continue
            name = key[0]
            if name == "coding" and len(value) == 1 and "system" in value:
                # a code that has no counterpart leaves the fixed system of its table alone
                continue
            items = out.get(name)
            if items is None:
                out[name] = [value]
            elif value not in items:
                items.append(value)
        if "extension" in out:
            return _sound(out)
        return out

    def _reference(self, content: Building) -> Json:
        made: Made = content[REFERS]
        known = self._identities.get(id(made))
        if known is None and not says_something(made.content):
            return {}
        full_url = (known or self.identity(made)).full_url
        self._is_open = self._is_open or full_url is _PENDING
        return {"reference": full_url}

    def _identify(self, made: Made) -> Identity:
        kind = made.type
        for alternative in self._told_apart.get(kind, ()):
            agreeing = self._agreeing.get(kind, "") if alternative == _BY_IDENTIFIER else ""
            tree = self._part(made, _roots((*alternative, agreeing)))
            if alternative == _BY_IDENTIFIER:
                own = self._own_identifier(kind, tree, _name(tree.get(agreeing)))
                if own is not None:
                    return own
            elif _value(tree, alternative[0]) is not None:
                return self._derived(kind, [_value(tree, name) for name in alternative])
        return self._derived(kind, self._closed(made, made.content, self._trees))

    def _part(self, made: Made, roots: frozenset[str]) -> Json:
        """Return only the elements that tell a resource apart: all of it may refer back to the resource itself."""
        chosen = {key: value for key, value in made.content.items() if (key if type(key) is str else key[0]) in roots}
        return self._closed(made, chosen, self._parts)

    def _closed(self, made: Made, content: Building, known: dict[int, Json]) -> Json:
        """Return *content* finished, and keep it in *known* unless it refers to what has no identity yet."""
        was_open, self._is_open = self._is_open, False
        finished = self._plain(content)
        if not self._is_open:
            known[id(made)] = finished
        self._is_open = was_open
        return finished

    def _own_identifier(self, kind: str, tree: Json, name: str) -> Identity | None:
        identifiers = tree.get("identifier") or []
        listed = identifiers if isinstance(identifiers, list) else [identifiers]
        valued = [each for each in listed if each.get("value")]
        if not valued:
            return None
        best = min(valued, key=self._rank)
        system, value = best.get("system", ""), best["value"]
        if _ABSOLUTE.fullmatch(system):
            return Identity(_urn(f"{kind}|{system}|{value}"), (system, value))
        told = [system, value, best.get("assigner"), _code(best)]
        return self._derived(kind, [*told, name] if name else told)

    def _rank(self, identifier: Json) -> int:
        code = _code(identifier)
        rank = self._preferred.index(code) if code in self._preferred else len(self._preferred)
        return rank * 2 + (0 if _ABSOLUTE.fullmatch(identifier.get("system", "")) else 1)

    def _derived(self, kind: str, told: object) -> Identity:
        text = _CANONICAL.encode(told).decode()
        name = f"{self._sender}|{kind}|{text}"
        if kind not in self._shared:
            # results with one code in one report: told apart by their order
            count = self._count[name] = self._count.get(name, 0) + 1
            name = name if count == 1 else f"{name}#{count}"
        full_url = _urn(name)
        return Identity(full_url, (URI_SYSTEM, full_url) if "identifier" in elements(kind) else None)


def _name(told: Any) -> str:
    """Return a name by which people or organizations are compared: family and first given name, in small letters."""
    first = told[0] if isinstance(told, list) and told else told
    if isinstance(first, dict):
        given = first.get("given") or [""]
        first = f"{first.get('family', '')} {given[0]}"
    return " ".join(first.casefold().split()) if isinstance(first, str) else ""


@cache
def _roots(names: tuple[str, ...]) -> frozenset[str]:
    """Return the elements of a resource that hold what *names* say."""
    return frozenset(name.partition(".")[0] for name in names)


def says_something(content: Building) -> bool:
    """Return whether a resource has any element with a value."""
    for value in content.values():
        kind = type(value)
        if kind is dict:
            if says_something(value):
                return True
        elif kind is not Made or says_something(value.content):
            return True
    return False


def _urn(name: str) -> str:
    """Return the UUID (version 5) of a name, as :func:`uuid.uuid5` gives it, as a URN.

    Spec: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-5
    """
    digest = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"urn:uuid:{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def _code(identifier: Json) -> str:
    codings = identifier.get("type", {}).get("coding", [])
    return next((each["code"] for each in codings if "code" in each), "")


def _value(tree: Json, name: str) -> object:
    found: Any = tree
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _sound(out: Json) -> Json:
    """Return an element without extensions that say nothing."""
    extensions = out.get("extension")
    if extensions:
        kept = [each for each in extensions if "url" in each and len(each) > 1]
        if kept:
            out["extension"] = kept
        else:
            del out["extension"]
    return out


def merge(into: Json, other: Json) -> None:
    """Merge what another entry says of the same resource: what is there stays, lists are joined."""
    for name, value in other.items():
        there = into.get(name)
        if there is None:
            into[name] = value
        elif isinstance(there, list) and isinstance(value, list):
            there += [each for each in value if each not in there]
        elif isinstance(there, dict) and isinstance(value, dict):
            merge(there, value)


def request(kind: str, identity: Identity, *, update: bool) -> Json:
    """Return the request of an entry: conditional by identifier; by id where the type has no identifier."""
    if identity.identifier is None:
        return {"method": "PUT", "url": f"{kind}/{identity.full_url[9:]}"}
    system, value = identity.identifier
    said = value.replace(":", "%3A") if system == URI_SYSTEM and value is identity.full_url else _quoted(value)
    query = f"identifier={_quoted_system(system)}%7C{said}"
    if update:
        return {"method": "PUT", "url": f"{kind}?{query}"}
    return {"method": "POST", "url": kind, "ifNoneExist": query}


@lru_cache(maxsize=1024)
def _quoted_system(system: str) -> str:
    return _quoted(system)


def _quoted(text: str) -> str:
    r"""Return a text as a token parameter of a URL writes it: ``\``, ``,``, ``$`` and ``|`` with a backslash.

    Spec: https://hl7.org/fhir/R4/search.html#escaping
    """
    return quote(_SPECIAL.sub(r"\\\g<0>", text) if _SPECIAL.search(text) else text, safe="")
