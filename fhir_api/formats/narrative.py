"""The XHTML of a narrative: one ``div``, carried as text in JSON and as elements in XML.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from fhir_api.formats.errors import ConversionError
from fhir_api.formats.xml_rules import MAX_DEPTH, SEPARATOR, XHTML

_IN_XHTML = f"{XHTML}{SEPARATOR}"
_DIV = f"{_IN_XHTML}div"
_XML = f"http://www.w3.org/XML/1998/namespace{SEPARATOR}"


def xhtml_of(div: str) -> str:
    """Return *div* as it can stand inside XML.

    Text that is no well-formed XHTML would break out of its place, so it is refused. A ``div`` that forgot its
    namespace gets it.

    Raises:
        ConversionError: *div* is not one well-formed ``div``, or has a DTD, an unknown entity or an instruction.
    """
    text = div.strip(" \t\r\n")
    root = _root(text)
    if root == _DIV:
        return text
    if root == "div":
        return f'<div xmlns="{XHTML}"{text[text.index("<div") + 4 :]}'
    raise ConversionError("Expected an XHTML 'div'")


def _root(text: str) -> str:
    """Return the name of the root element, after its namespace where it has one."""
    parser = expat.ParserCreate("utf-8", SEPARATOR)
    roots: list[str] = []

    def start(name: str, _attributes: object) -> None:
        roots.append(name)
        parser.StartElementHandler = None

    parser.StartElementHandler = start
    parser.XmlDeclHandler = _refuse_instruction
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise ConversionError(f"The narrative is not well-formed XHTML ({expat.ErrorString(error.code)})") from None
    except UnicodeEncodeError:
        raise ConversionError("The narrative has half of a surrogate pair") from None
    return roots[0]


def _refuse_doctype(*_declaration: object) -> None:
    raise ConversionError("The narrative has a document type declaration")


def _refuse_instruction(*_instruction: object) -> None:
    raise ConversionError("The narrative has a processing instruction")


class NarrativeReader:
    """Takes over a parser's events from the start tag of a ``div`` to its end tag.

    The text of the document is copied byte by byte, unless the document declares a prefix that the ``div`` may use:
    then it is written anew without prefixes.
    """

    def __init__(self, parser: expat.XMLParserType, text: bytes, *, copied: bool, done: Callable[[str], None]) -> None:
        self._parser = parser
        self._text = text
        self._start = parser.CurrentByteIndex
        self._done = done
        self._depth = 0
        self._pieces: list[str] | None = None if copied else []

    def begin(self, name: str, attributes: list[str]) -> None:
        """Read the start tag of the ``div`` and listen to what follows.

        Raises:
            ConversionError: here or from a later event, for elements and attributes outside XHTML and for instructions.
        """
        parser = self._parser
        parser.StartElementHandler = self._element
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = None if self._pieces is None else self._characters
        parser.StartNamespaceDeclHandler = None
        parser.ProcessingInstructionHandler = _refuse_instruction
        self._element(name, attributes)

    def _element(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConversionError(f"The narrative nests deeper than {MAX_DEPTH} levels")
        if not name.startswith(_IN_XHTML):
            raise ConversionError(f"Expected XHTML, found the element '{name[-64:]}'")
        if self._pieces is not None:
            local = name.removeprefix(_IN_XHTML)
            declaration = f' xmlns="{XHTML}"' if self._depth == 1 else ""
            pairs = zip(attributes[::2], attributes[1::2], strict=True)
            written = "".join(f" {_attribute_name(key)}={quoteattr(value, _SPACES)}" for key, value in pairs)
            self._pieces.append(f"<{local}{declaration}{written}>")

    def _characters(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(escape(text, _SPACES))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._pieces is not None:
            self._pieces.append(f"</{name.removeprefix(_IN_XHTML)}>")
        if self._depth == 0:
            self._done(self._copy() if self._pieces is None else "".join(self._pieces))

    def _copy(self) -> str:
        end = self._parser.CurrentByteIndex
        # of an empty-element tag the parser tells the end, of an end tag the start
        if self._text.startswith(b"</div", end):
            end = self._text.index(b">", end) + 1
        return self._text[self._start : end].decode()


_SPACES = {"\r": "&#13;"}
"""A bare carriage return would be read as a line feed."""


def _attribute_name(name: str) -> str:
    if name.startswith(_XML):
        return f"xml:{name.removeprefix(_XML)}"
    if SEPARATOR in name:
        raise ConversionError("The narrative has an attribute outside XHTML")
    return name
