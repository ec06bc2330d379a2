"""A message made of a change: rows are asked of the resources, and what they give is written.

Nothing here reads or sends: the resources are there already (see ``related``), so a message can be made again and is
the same, MSH-10 included.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from adapters.hl7.encoding.charsets import codec_of
from adapters.hl7.outbound.compiling import MessagePlan, SegmentPlan, Value
from adapters.hl7.outbound.tables import Backward
from adapters.hl7.outbound.writing import Parts, primitive, segment_text
from fhir_api import fhirpath
from fhir_api.model.versions import instant
from mappings.outbound import Place

Json = dict[str, Any]
_MOST_DEPTH = 8
_VARIES = "varies"
_TELLS_TYPE = 2
"""OBX-2 and its like: the field before says the data type of a field that varies."""


class BuildError(Exception):
    """A message cannot be made: the place, what was found and what was expected; never a value of the resource."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the header of a message says.

    Attributes:
        sending: MSH-3 and MSH-4, components with ``^``: ``LAB^2.16.840.1^ISO``.
        receiving: MSH-5 and MSH-6, the same.
        charset: label of table 0211; empty for ASCII.
        processing: MSH-11.
        acknowledgement: MSH-15 and MSH-16, both empty in the original mode.
        profiles: MSH-21, one a repetition, components with ``^``.
    """

    sending: tuple[str, str]
    receiving: tuple[str, str]
    charset: str = "UNICODE UTF-8"
    processing: str = "P"
    acknowledgement: tuple[str, str] = ("", "")
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """A message.

    Attributes:
        control_id: MSH-10.
        raw: its bytes.
        remarks: codes that no row turned back and were left out: place and table.
    """

    control_id: str
    raw: bytes
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is made of.

    Attributes:
        focus: the new version, or of a deletion the last one there was.
        event: MSH-9.2.
        changed_at: milliseconds since 1970.
        interaction: what made the version: ``create``, ``update`` or ``delete``.
        previous: the version before; None for the first.
        related: resources by the name of their variable.
        resources: the same and more by their references, for ``resolve()``.
    """

    focus: Json
    event: str
    changed_at: int
    interaction: str = "update"
    previous: Json | None = None
    related: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    resources: Mapping[str, Json] = field(default_factory=dict)

    def environment(self, version: str) -> fhirpath.Environment:
        """Return what expressions may ask, of a message in a *version* of HL7 v2."""
        variables = {
            "focus": self.focus,
            "previous": [] if self.previous is None else self.previous,
            "event": self.event,
            "interaction": self.interaction,
            "version": version,
            "changed": instant(self.changed_at),
            **{name: list(found) for name, found in self.related.items()},
        }
        return fhirpath.Environment(resource=self.focus, variables=variables, resolver=self.resources.get)


def control_id(destination: str, structure: str, event: str, key: str, version: int) -> str:
    """Return MSH-10: the same for the same version of a resource, however often the message is made; 20 characters."""
    named = "\x1f".join((destination, structure, event, key, str(version)))
    return b32encode(blake2b(named.encode(), digest_size=12).digest()).decode().rstrip("=")


def build(plan: MessagePlan, subject: Subject, envelope: Envelope, identity: str, now: datetime) -> Built:
    """Return the message of a change.

    Args:
        plan: its rows.
        subject: what it is made of.
        envelope: what its header says.
        identity: MSH-10.
        now: MSH-7.

    Raises:
        BuildError: a row cannot be carried out.
    """
    writer = _Writer(plan, subject.environment(plan.version))
    writer.segments(plan.segments, subject.focus)
    header = _header(plan, subject, envelope, identity, now)
    text = "".join(f"{segment}\r" for segment in (header, *writer.written))
    codec = codec_of(envelope.charset) if envelope.charset else "ascii"
    try:
        raw = text.encode(codec or "ascii")
    except UnicodeEncodeError as error:
        segment = text.count("\r", 0, error.start)
        raise BuildError(
            writer.written[segment - 1][:3] if segment else "MSH",
            f"a character that {envelope.charset or 'ASCII'} does not have",
        ) from error
    return Built(identity, raw, tuple(dict.fromkeys(writer.remarks)))


def _header(plan: MessagePlan, subject: Subject, envelope: Envelope, identity: str, now: datetime) -> str:
    fields = {
        7: now.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000"), 10: identity, 11: envelope.processing, 12: plan.version,
        15: envelope.acknowledgement[0], 16: envelope.acknowledgement[1], 18: envelope.charset,
    }  # fmt: skip
    parts: dict[int, list[Parts]] = {number: [{(1, 1): text}] for number, text in fields.items() if text}
    named = enumerate((*envelope.sending, *envelope.receiving), 3)
    parts |= {number: [_components(text)] for number, text in named if text}
    parts[9] = [{(1, 1): plan.file.message, (2, 1): subject.event, (3, 1): plan.file.structure}]
    if envelope.profiles:
        parts[21] = [_components(text) for text in envelope.profiles]
    # MSH-1 is the separator itself, MSH-2 must not be escaped
    return segment_text("MSH", {at - 1: each for at, each in parts.items()}, {}).replace("MSH|", "MSH|^~\\&", 1)


def _components(text: str) -> Parts:
    return {(number, 1): part for number, part in enumerate(text.split("^"), 1) if part}


class _Writer:
    """Writes the segments of one message, in the order of the rows."""

    def __init__(self, plan: MessagePlan, environment: fhirpath.Environment) -> None:
        self._plan = plan
        self._environment = environment
        self.written: list[str] = []
        self.remarks: list[str] = []

    def segments(self, rows: Iterable[SegmentPlan], element: Any) -> None:
        """Write the segments of *rows* for the element they are about."""
        for row in rows:
            found = self._items(row.segment or "group", row.of, element)
            for number, item in enumerate(found, 1):
                value = _json(item)
                if row.segment:
                    self._segment(row, self._values(row, item), value, number)
                self.segments(row.rows, value)
            if not found and row.otherwise:
                self._segment(row, row.otherwise, element, 1)

    def _values(self, row: SegmentPlan, item: Any) -> tuple[Value, ...]:
        if len(row.values) == 1:
            return next(iter(row.values.values()))
        values = row.values.get(fhirpath.type_of(item))
        if values is None:
            raise BuildError(row.segment, f"no sheet writes {fhirpath.type_of(item)}")
        return values

    def _segment(self, row: SegmentPlan, values: Iterable[Value], element: Any, number: int) -> None:
        variables = {**(self._environment.variables or {}), "number": number}
        environment = fhirpath.Environment(
            resource=self._environment.resource, variables=variables, resolver=self._environment.resolver
        )
        fields: dict[int, list[Parts]] = {}
        for value in values:
            items = self._items(str(value.place), value.path, element, environment)
            if value.data_type == _VARIES and items:
                value = replace(value, data_type=_held(fields, value.place))  # noqa: PLW2901 - as this segment has it
            repetitions = [self._parts(value, item, environment) for item in items]
            self._put(value, [parts for parts in repetitions if parts], fields)
        if fields:
            self.written.append(segment_text(row.segment, fields, row.data_types))

    def _put(self, value: Value, repetitions: list[Parts], fields: dict[int, list[Parts]]) -> None:
        if not repetitions:
            return
        at = value.place
        if not at.component:
            fields[at.field] = repetitions if value.is_repeating else repetitions[:1]
            return
        first = fields.setdefault(at.field, [{}])[0]
        first.update(_below(repetitions[0], at))

    def _parts(self, value: Value, item: Any, environment: fhirpath.Environment, depth: int = 0) -> Parts:
        """Return an element as the data type of a place."""
        place, element = str(value.place), _json(item)
        if value.table is not None:
            element, item = self._turned(value, item, value.table)
            if element is None:
                return {}
        if not isinstance(element, dict):
            text = primitive(element, value.data_type)
            return {(1, 1): text} if text else {}
        writer = self._plan.writer(value.data_type, fhirpath.type_of(item))
        if writer is None or depth > _MOST_DEPTH:
            raise BuildError(place, f"no sheet writes {fhirpath.type_of(item)} as {value.data_type}")
        parts: Parts = {}
        for each in writer:
            items = self._items(f"{place} ({each.place})", each.path, element, environment)
            if items:
                parts.update(_below(self._parts(each, items[0], environment, depth + 1), each.place))
        return parts

    def _turned(self, value: Value, item: Any, table: Backward) -> tuple[Any, Any]:
        """Return the code of HL7 v2 for a code of FHIR; None where there is none and it is left out."""
        element = _json(item)
        if not isinstance(element, dict):
            found = table.code(str(element))
            return (found.code, found.code) if found is not None else self._unturned(value, item)
        codings = element.get("coding", []) if fhirpath.type_of(item) == "CodeableConcept" else [element]
        for coding in codings:
            found = table.code(coding.get("code", ""), coding.get("system", ""))
            if found is not None:
                turned = {"coding": [{**coding, "code": found.code, "system": found.system}]}
                return turned, fhirpath.Item(turned, "CodeableConcept")
        return self._unturned(value, item)

    def _unturned(self, value: Value, item: Any) -> tuple[Any, Any]:
        if value.unmapped == "refuse":
            raise BuildError(str(value.place), "no row of the table turns this code back")
        if value.unmapped == "keep":
            return _json(item), item
        self.remarks.append(f"{value.place}: a code without a row was left out")
        return None, None

    def _items(
        self, place: str, path: fhirpath.Compiled, element: Any, environment: fhirpath.Environment | None = None
    ) -> list[Any]:
        try:
            found = path.items(element, environment or self._environment)
        except fhirpath.FhirPathError as error:
            raise BuildError(place, error.problem) from error
        return [item for item in found if _json(item) is not None]


def _json(item: Any) -> Any:
    return item.value if type(item) is fhirpath.Item else item


def _below(parts: Parts, at: Place) -> Parts:
    """Return *parts* as they stand below a component, or at a subcomponent."""
    if at.subcomponent:
        first = next(iter(parts.values()), "")
        return {(at.component, at.subcomponent): first} if first else {}
    return {(at.component, component): text for (component, sub), text in parts.items() if sub == 1}


def _held(fields: Mapping[int, Sequence[Parts]], at: Place) -> str:
    """Return the data type that a field with varying types has in this segment."""
    told = fields.get(_TELLS_TYPE)
    if not told:
        raise BuildError(str(at), "no field before it says its data type")
    return told[0][1, 1]
