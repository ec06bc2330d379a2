"""The rules of a narrative's XHTML.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Final

from lxml import etree

_DATA: Final = Path(__file__).parents[1] / "data"


def _words(file_name: str) -> list[str]:
    return (_DATA / file_name).read_text(encoding="ascii").split()


_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS: Final = frozenset(_words("narrative-elements.txt"))
_ATTRIBUTES: Final = frozenset(_words("narrative-attributes.txt"))
_XML_NAMESPACE: Final = "{http://www.w3.org/XML/1998/namespace}"
_NAMED_ENTITY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z][A-Za-z0-9]*;")


def is_narrative(text: str) -> bool:
    """Tell whether *text* is one XHTML ``div`` with only allowed elements and attributes, and some content."""
    if "<!" in text.replace("<!--", ""):
        return False
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(_NAMED_ENTITY.sub(lambda match: unescape(match.group()), text), parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    if root.tag != f"{_XHTML}div":
        return False
    return all(_is_allowed(element) for element in root.iter("*")) and _has_content(root)


def _is_allowed(element: etree._Element) -> bool:
    if not element.tag.startswith(_XHTML):
        return False
    if element.tag.removeprefix(_XHTML) not in _ELEMENTS:
        return False
    return all(str(name) in _ATTRIBUTES or str(name).startswith(_XML_NAMESPACE) for name in element.attrib)


def _has_content(root: etree._Element) -> bool:
    if next(root.iter(f"{_XHTML}img"), None) is not None:
        return True
    return any(str(text).strip() for text in root.itertext())
