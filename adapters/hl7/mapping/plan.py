"""A compiled plan: all rows of a sender, ready to map messages.

``Plan.apply(message) -> Mapped`` is the entry; a plan never changes, and its id is the digest of what it was made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import cached_property, partial
from typing import Any, NamedTuple

import msgspec

from adapters.hl7.encoding import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.mapping.compiling import Compiler, Problem
from adapters.hl7.mapping.completing import Completer
from adapters.hl7.mapping.finishing import Finisher, Json, merge, request, says_something
from adapters.hl7.mapping.ledger import Ignored, Ledger, account
from adapters.hl7.mapping.linking import resolve
from adapters.hl7.mapping.messages import MessagePlan
from adapters.hl7.mapping.run import Run, UnmappedCode
from adapters.hl7.mapping.targets import Made, elements
from mappings.merging import Sheets

ENGINE = "3"
"""Version of this engine: plans of another one have another id."""


class MappingIssue(NamedTuple):
    """Something a person should look at; never with a patient's value.

    Attributes:
        severity: ``error | warning | information``.
        place: where in the message, such as ``PID-7``.
        text: what was found and what was expected.
    """

    severity: str
    place: str
    text: str


class Mapped:
    """What a message became.

    Attributes:
        bundle: a transaction Bundle, as JSON that keeps decimals (:mod:`fhir_api.model.exact_json` writes it).
        issues: what a person should look at.
        unmapped_codes: codes that a table has no row for, with how often they came.
        plan_id: SHA-256 of what the plan was made of.
        structure: the rows that mapped it, such as ``ADT_A01``; empty where no structure does.
    """

    def __init__(
        self,
        bundle: Json,
        issues: tuple[MappingIssue, ...],
        unmapped_codes: Mapping[UnmappedCode, int],
        plan_id: str,
        structure: str,
        account: Callable[[], Ledger],
    ) -> None:
        self.bundle = bundle
        self.issues = issues
        self.unmapped_codes = unmapped_codes
        self.plan_id = plan_id
        self.structure = structure
        self._account = account

    @cached_property
    def ledger(self) -> Ledger:
        """What became of each leaf of the message; put together when it is first asked for."""
        return self._account()


class Plan:
    """The rows of a sender, compiled.

    Attributes:
        id: SHA-256 of the rows, the sender's settings and the engine's version.
        sender: name of the sender.
        problems: rows that are not used, and why.
    """

    def __init__(self, sheets: Sheets, sender: str = "", zone: tzinfo = UTC) -> None:
        self.sender = sender
        self.sheets = sheets
        self.zone = zone
        self.id = plan_id(sheets, sender, str(zone))
        compiler = Compiler(sheets)
        self._messages = {name: MessagePlan(name, compiler) for name in sheets.messages}
        self._events = {row["event"]: row["structure"] for row in sheets.plain.get("events", ())}
        self._ignored = Ignored(sheets.plain.get("ignored", ()))
        self._told_apart = _told_apart(sheets)
        self._updates = {(row["structure"], row["type"]): row["request"] for row in sheets.plain.get("entries", ())}
        self._shared = frozenset(row["type"] for row in sheets.plain.get("shared", ()))
        self._agreeing = {row["type"]: row["elements"] for row in sheets.plain.get("agreeing", ())}
        self._completer = Completer(sheets.plain.get("defaults", ()))
        self._preferred = tuple(row["type"] for row in sheets.plain.get("preferred", ()))
        self.problems: tuple[Problem, ...] = (*compiler.problems, *compiler.table_problems())

    @property
    def own_problems(self) -> tuple[Problem, ...]:
        """Rows of the site and the sender that are not used."""
        return tuple(
            each for each in self.problems if each.origin.endswith(".csv") and not each.origin.startswith("own/")
        )

    def structure_of(self, message: Message) -> str:
        """Return the message structure whose rows map *message*; empty where none do."""
        code, event = message["MSH-9.1"], message["MSH-9.2"]
        for name in (f"{code}^{event}", message["MSH-9.3"], f"{code}_{event}", code):
            found = self._events.get(name, name)
            if found in self._messages:
                return found
        return ""

    def apply(self, message: Message, *, now: str | None = None) -> Mapped:
        """Return what *message* becomes; the same message gives the same, apart from times of mapping.

        Args:
            message: the message.
            now: the time of mapping as an ``instant``; the present one if not given.
        """
        run = Run(message, self.sender, self.zone, now or datetime.now(UTC).isoformat(timespec="milliseconds"))
        structure = self.structure_of(message)
        issues: list[MappingIssue] = []
        if structure:
            resolve(self._messages[structure].apply(run))
        else:
            issues.append(MappingIssue("error", "MSH-9", "no rows map this message type and event"))
        bundle = self._bundle(run, structure, issues)
        issues += [
            MappingIssue("warning", _place(message, place), f"the value is not a {type_code}")
            for place, type_code in run.refused
        ]
        return Mapped(bundle, tuple(issues), run.unmapped, self.id, structure, partial(account, run, self._ignored))

    def _bundle(self, run: Run, structure: str, issues: list[MappingIssue]) -> Json:
        finisher = Finisher(self.sender, self._told_apart, self._preferred, self._shared, self._agreeing)
        self._completer.refer(run.made)
        bundle: Json = {"resourceType": "Bundle"}
        for made in run.made:
            if made.type == "Bundle":
                bundle |= finisher.tree(made)
            elif says_something(made.content):
                finisher.identity(made)
        entries: dict[str, Json] = {}
        for made in _all(finisher):
            self._enter(entries, finisher, made, structure)
        for entry in entries.values():
            self._completer.complete(
                entry["resource"],
                lambda path: issues.append(MappingIssue("information", "", f"{path} lacks what it requires: left out")),
            )
        bundle["type"] = "transaction"
        if entries:
            bundle["entry"] = list(entries.values())
        return bundle

    def _enter(self, entries: dict[str, Json], finisher: Finisher, made: Made, structure: str) -> None:
        identity = finisher.identity(made)
        resource: Json = {"resourceType": made.type, **finisher.tree(made)}
        if "link" in resource:
            _part_from_itself(resource, identity.full_url)
        known = entries.get(identity.full_url)
        if known is not None:
            merge(known["resource"], resource)
            return
        if identity.identifier is not None:
            _identify(resource, *identity.identifier)
        else:
            resource["id"] = identity.full_url[9:]
        update = (
            self._updates.get((structure, made.type)) or self._updates.get(("*", made.type), "update")
        ) == "update"
        entries[identity.full_url] = {
            "fullUrl": identity.full_url,
            "resource": resource,
            "request": request(made.type, identity, update=update),
        }


def _all(finisher: Finisher) -> list[Made]:
    """Return every resource, those that only others refer to as well: finishing one finds more."""
    done = 0
    while done < len(finisher.order):
        finisher.tree(finisher.order[done])
        done += 1
    return finisher.order


def _part_from_itself(resource: Json, full_url: str) -> None:
    """Take out links of a record to itself: where MRG names the patient of PID, only another identifier changed."""
    links = resource["link"]
    own = [each for each in links if each.get("other", {}).get("reference") == full_url]
    if not own:
        return
    if any(each.get("type") == "replaced-by" for each in own):
        resource.pop("active", None)
    resource["link"] = [each for each in links if each not in own]
    if not resource["link"]:
        del resource["link"]


def _identify(resource: Json, system: str, value: str) -> None:
    """Give a resource the identifier that conditional requests ask for, if it has none."""
    identifier = {"system": system, "value": value}
    there: Any = resource.get("identifier")
    if there is None:
        is_list = elements(resource["resourceType"])["identifier"][0].max != 1
        resource["identifier"] = [identifier] if is_list else identifier
    elif isinstance(there, list) and not any(
        each.get("system") == system and each.get("value") == value for each in there
    ):
        there.append(identifier)


def _told_apart(sheets: Sheets) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for row in sheets.plain.get("identity", ()):
        names = tuple(name.strip() for name in row["elements"].split("+"))
        found[row["type"]] = (*found.get(row["type"], ()), names)
    return found


def _place(message: Message, place: tuple[int, ...]) -> str:
    segment = message.segments[place[0]].id
    return f"{segment}-{place[1]}" + (f".{place[3]}" if len(place) > 3 else "")  # noqa: PLR2004 - a component


def plan_id(sheets: Sheets, *settings: str) -> str:
    """Return the digest of everything that a plan is made of."""
    parts = [ENGINE, settings, sheets.messages, sheets.segments, sheets.datatypes, sheets.tables, sheets.plain]
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


__all__ = ["Hl7Error", "Mapped", "MappingIssue", "Plan", "plan_id"]
