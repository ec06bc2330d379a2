"""XML to JSON: one pass over the events of a parser that stops at the first sign of a DTD.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.parsers import expat

import orjson

from fhir_api.formats.errors import ConversionError
from fhir_api.formats.narrative import NarrativeReader
from fhir_api.formats.xml_rules import FHIR, MAX_DEPTH, SEPARATOR, XHTML, Kind, Rule, Rules, attributes_of, rules_of
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.outcome import Location

_WHITE_SPACE = " \t\r\n"
_SCHEMA_INSTANCE = f"http://www.w3.org/2001/XMLSchema-instance{SEPARATOR}"
PRIMITIVE = Kind.PRIMITIVE
_THERE = object()
"""Stands for the value of a primitive that its parent has already."""
_DOCUMENT = Rule("", "", "", False, Kind.CONTAINER, "Resource", None)

Members = dict[str, Any]
"""A JSON object."""


def from_xml(text: bytes) -> bytes:
    """Return a resource as compact JSON: numbers digit by digit as in *text*, the narrative byte by byte.

    Elements may come in any order. Comments and processing instructions outside the narrative are no content.

    Raises:
        FhirError: MALFORMED, with line and column, for text that is not well-formed XML in UTF-8 and in the namespace
            of FHIR, has a document type declaration, or nests deeper than ``MAX_DEPTH``; INVALID, with its FHIRPath
            place, for elements, attributes and values that R4 does not define.
    """
    return orjson.dumps(_Reader(text).read())


class _Open:
    """An element that has begun and not ended.

    Attributes:
        rule: what the definitions say of it.
        rules: rules of its children.
        members: its JSON object so far; of a primitive that of its companion.
        value: of a primitive, of a narrative, or the resource in a container; None is not there yet.
        is_ragged: whether its arrays of primitives and companions still have to be made equally long.
    """

    __slots__ = ("is_ragged", "members", "rule", "rules", "value")

    def __init__(self, rule: Rule, rules: Rules) -> None:
        self.rule = rule
        self.rules = rules
        self.members: Members = {}
        self.value: Any = None
        self.is_ragged = False


class _Reader:
    """Reads one document."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._stack = [_Open(_DOCUMENT, rules_of("Resource"))]
        self._leaf: Rule | None = None
        self._first_prefix: int | None = None
        parser = expat.ParserCreate("utf-8", SEPARATOR)
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser
        self._listen()

    def _listen(self) -> None:
        """Hear the events of FHIR elements."""
        parser = self._parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartNamespaceDeclHandler = self._namespace
        parser.ProcessingInstructionHandler = None

    def read(self) -> Members:
        """Return the resource as a JSON object."""
        try:
            self._parser.Parse(self._text, True)
        except expat.ExpatError as error:
            raise self._malformed(f"The body is not well-formed XML: {expat.ErrorString(error.code)}") from None
        except ConversionError as error:
            raise self._invalid(error.reason) from None
        resource: Members = self._stack[0].value
        return resource

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() != "UTF-8":
            raise self._malformed("Expected the encoding UTF-8")

    def _doctype(self, *_declaration: object) -> None:
        raise self._malformed("A document type declaration is not allowed")

    def _namespace(self, prefix: str | None, _namespace: str) -> None:
        """Note where the first prefix is declared: a narrative further down might use it."""
        if prefix is not None and self._first_prefix is None:
            self._first_prefix = self._parser.CurrentByteIndex

    def _start(self, name: str, attributes: list[str]) -> None:
        if self._leaf is not None:
            self._open_leaf()
        parent = self._stack[-1]
        rule = parent.rules.get(name)
        if rule is None:
            raise self._unknown(name)
        members = parent.members
        if not rule.is_list and (rule.name in members or rule.companion in members):
            raise self._invalid("The element is there twice, but cannot repeat", rule.place)
        kind = rule.kind
        if kind is PRIMITIVE:
            # nearly every primitive has a value and nothing else: it is not even opened
            if len(attributes) == 2 and attributes[0] == "value":  # noqa: PLR2004 - name and value
                value = _converted(rule, attributes[1])
                if value is None:
                    raise self._invalid(f"Expected a value of type {rule.type}", _step(members, rule))
                _put(parent, rule, value)
                self._leaf = rule
            else:
                self._open_primitive(parent, rule, attributes)
        elif kind is Kind.XHTML:
            self._narrative(self._open(rule), name, attributes)
        else:
            opened = self._open(rule)
            if kind is Kind.RESOURCE:
                opened.members["resourceType"] = rule.name
            if attributes:
                self._attributes(opened, attributes)

    def _open_leaf(self) -> None:
        """Open the primitive that has begun after all: it has content besides its value."""
        if self._leaf is not None:
            self._open(self._leaf).value = _THERE
            self._leaf = None

    def _open(self, rule: Rule) -> _Open:
        opened = _Open(rule, rules_of(rule.type))
        self._stack.append(opened)
        if len(self._stack) > MAX_DEPTH:
            raise self._malformed(f"The body nests deeper than {MAX_DEPTH} levels")
        return opened

    def _open_primitive(self, parent: _Open, rule: Rule, attributes: list[str]) -> None:
        """Open a primitive that has an id, or extensions and no value."""
        _put(parent, rule, None)
        opened = self._open(rule)
        self._attributes(opened, attributes)
        if opened.value is None:
            return
        if rule.is_list:
            parent.members[rule.name][-1] = opened.value
        else:
            parent.members[rule.name] = opened.value

    def _attributes(self, opened: _Open, attributes: list[str]) -> None:
        rule = opened.rule
        known = attributes_of(rule.type)
        for name, text in zip(attributes[::2], attributes[1::2], strict=True):
            if name == "value" and rule.kind is PRIMITIVE:
                opened.value = _converted(rule, text)
                if opened.value is None:
                    raise self._invalid(f"Expected a value of type {rule.type}")
            elif name in known:
                if not text:
                    raise self._invalid(f"The attribute '{name}' is empty")
                opened.members[name] = text
            elif not name.startswith(_SCHEMA_INSTANCE):
                raise self._invalid(f"Unknown attribute '{name[-64:]}'")

    def _end(self, _name: str) -> None:
        if self._leaf is not None:
            self._leaf = None
            return
        ended = self._stack[-1]
        rule = ended.rule
        kind = rule.kind
        if ended.is_ragged:
            _even_out(ended)
        content = ended.value if kind is Kind.CONTAINER or kind is Kind.XHTML else ended.members
        if not content and ended.value is None:
            raise self._invalid("The element is empty")
        parent = self._stack[-2]
        if kind is PRIMITIVE:
            if content:
                _put_companion(parent, rule, content)
        elif kind is not Kind.RESOURCE:
            _put(parent, rule, content)
        elif parent.value is None:
            parent.value = content
        else:
            raise self._invalid("Expected one resource, found two")
        self._stack.pop()

    def _narrative(self, opened: _Open, name: str, attributes: list[str]) -> None:
        def done(div: str) -> None:
            opened.value = div
            self._listen()
            self._end(name)

        if self._first_prefix == self._parser.CurrentByteIndex:
            self._first_prefix = None  # the narrative declares it itself
        NarrativeReader(self._parser, self._text, copied=self._first_prefix is None, done=done).begin(name, attributes)

    def _characters(self, text: str) -> None:
        if text.strip(_WHITE_SPACE):
            self._open_leaf()
            raise self._invalid("Text is not allowed here, values are attributes")

    def _unknown(self, name: str) -> FhirError:
        namespace, _, local = name.rpartition(SEPARATOR)
        if namespace not in (FHIR, XHTML):
            return self._malformed(f"Expected the namespace {FHIR}")
        if self._stack[-1].rule.kind is Kind.CONTAINER:
            return self._invalid(f"Unknown resource type '{local[:64]}'")
        return self._invalid(f"Unknown element '{local[:64]}'", local[:64])

    def _malformed(self, reason: str) -> FhirError:
        return self._here(refuse(ErrorKind.MALFORMED, f"{reason} ({self._position()})."))

    def _invalid(self, reason: str, *steps: str) -> FhirError:
        place = ".".join([*self._steps(), *steps]) or None
        where = f", at {place}" if place else ""
        return self._here(refuse(ErrorKind.INVALID, f"{reason}{where} ({self._position()}).", expression=place))

    def _here(self, error: FhirError) -> FhirError:
        """Return *error*, which is about the place that the parser has come to."""
        location = Location(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)
        error.issues = tuple(replace(issue, location=location) for issue in error.issues)
        return error

    def _position(self) -> str:
        return f"line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"

    def _steps(self) -> list[str]:
        """Return the FHIRPath steps down to the innermost open element."""
        steps: list[str] = []
        for parent, opened in zip(self._stack, self._stack[1:], strict=False):
            rule = opened.rule
            # the way into an inner resource is the element that holds it
            if rule.kind is not Kind.RESOURCE or not steps:
                # a primitive is in its array as soon as it is opened, an object when it ends
                index = len(parent.members.get(rule.name, ())) - (rule.kind is PRIMITIVE)
                steps.append(f"{rule.place}[{index}]" if rule.is_list else rule.place)
        return steps


def _step(members: Members, rule: Rule) -> str:
    """Return the FHIRPath step to the next value of an element."""
    return f"{rule.place}[{len(members.get(rule.name, ()))}]" if rule.is_list else rule.place


def _converted(rule: Rule, text: str) -> Any:
    """Return the JSON value of a primitive's text; None if its type has no such value."""
    return (text or None) if rule.convert is None else rule.convert(text)


def _put(parent: _Open, rule: Rule, value: Any) -> None:
    """Put a value, or None for a primitive without one, into its parent."""
    members = parent.members
    if not rule.is_list:
        if value is not None:
            members[rule.name] = value
    elif rule.name in members:
        members[rule.name].append(value)
    else:
        members[rule.name] = [value]


def _put_companion(parent: _Open, rule: Rule, companion: Members) -> None:
    """Put id and extensions of a primitive into its parent, beside the value that is there already."""
    members = parent.members
    if not rule.is_list:
        members[rule.companion] = companion
        return
    companions = members.setdefault(rule.companion, [])
    companions.extend([None] * (len(members[rule.name]) - len(companions) - 1))
    companions.append(companion)
    parent.is_ragged = True


def _even_out(ended: _Open) -> None:
    """Give arrays of companions the length of their values, and leave out values that are all null."""
    members = ended.members
    for name in [name for name in members if name.startswith("_") and type(members[name]) is list]:
        values, companions = members[name[1:]], members[name]
        companions.extend([None] * (len(values) - len(companions)))
        if all(value is None for value in values):
            del members[name[1:]]
