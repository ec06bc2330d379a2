"""XML read into a tree that can be changed, but never what declares entities.

Spec: https://hl7.org/fhir/R4/security.html#xml
"""

from __future__ import annotations

from xml.parsers import expat

from lxml import etree

from fhir_api.model.errors import ErrorKind, FhirError, refuse


def parse_xml(text: bytes) -> etree._Element:
    """Return the document element.

    Raises:
        FhirError: MALFORMED, with line and column, for what is not well-formed or has a document type declaration.
    """
    _check(text)
    try:
        return etree.fromstring(
            text, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        )
    except etree.XMLSyntaxError as error:
        raise _malformed("it is not well-formed", error.lineno or 1, error.offset or 1) from None


def _check(text: bytes) -> None:
    """Refuse a document type declaration before anything is made of it: it may define entities that grow."""
    parser = expat.ParserCreate()

    def doctype(*_declaration: object) -> None:
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        raise _malformed("a document type declaration is not allowed", line, column)

    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise _malformed(expat.ErrorString(error.code), error.lineno, error.offset + 1) from None


def _malformed(reason: str, line: int, column: int) -> FhirError:
    return refuse(ErrorKind.MALFORMED, f"The body is no XML: {reason} (line {line}, column {column}).")
