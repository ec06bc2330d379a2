"""Indented answers (``_pretty``), for people.

Spec: https://hl7.org/fhir/R4/http.html#pretty
"""

from __future__ import annotations

import msgspec
from lxml import etree

_STEP = "  "
_NARRATIVE = "{http://www.w3.org/1999/xhtml}div"


def pretty_json(compact: bytes) -> bytes:
    """Return JSON indented; strings and numbers stay as they are."""
    return bytes(msgspec.json.format(compact, indent=2))


def pretty_xml(compact: bytes) -> bytes:
    """Return FHIR XML indented; narrative stays as it is, since white space counts there."""
    root = etree.fromstring(compact, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    _indent(root, "\n")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _indent(element: etree._Element, line: str) -> None:
    if element.tag == _NARRATIVE or not len(element):
        return
    inside = line + _STEP
    element.text = inside
    for child in element:
        _indent(child, inside)
        child.tail = inside
    element[-1].tail = line
