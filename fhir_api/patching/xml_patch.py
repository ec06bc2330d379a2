"""XML Patch: operations on the XML form of a resource, at nodes that selectors name.

Spec: https://www.rfc-editor.org/rfc/rfc5261, https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from fhir_api.formats.xml import from_xml, to_xml
from fhir_api.formats.xml_rules import FHIR
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.patching import nodes
from fhir_api.patching.errors import OperationError, check_operations, check_size, check_work, malformed
from fhir_api.patching.selectors import select
from fhir_api.patching.xml_document import parse_xml

_ROOTS: Final = frozenset({"diff", "patch"})
_NAMESPACES: Final = frozenset({"", FHIR, "urn:ietf:rfc:7351"})
"""Where the elements of a patch may be: RFC 5261 has none, RFC 7351 has its own, examples of FHIR use that of FHIR."""
_ATTRIBUTES: Final = {
    "add": frozenset({"sel", "pos", "type"}),
    "replace": frozenset({"sel"}),
    "remove": frozenset({"sel", "ws"}),
}
_VALUES: Final = {"pos": ("before", "after", "prepend"), "ws": ("before", "after", "both")}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation.

    Attributes:
        name: ``add | replace | remove``.
        attributes: ``sel``, ``pos``, ``type``, ``ws``.
        namespaces: that the selector may use, by prefix.
        element: the operation's element, whose content is what is put.
    """

    name: str
    attributes: Mapping[str, str]
    namespaces: Mapping[str | None, str]
    element: etree._Element


@dataclass(frozen=True, slots=True)
class XmlPatch:
    """An XML Patch document: operations in order."""

    operations: tuple[_Operation, ...]

    def apply(self, resource: bytes) -> bytes:
        """Return the JSON of *resource* after all operations on its XML.

        Raises:
            FhirError: UNPROCESSABLE when a selector names no node or several, or content does not fit; INVALID when the
                result is no resource; TOO_LARGE.
        """
        return from_xml(self.apply_to_xml(to_xml(resource)))

    def apply_to_xml(self, text: bytes) -> bytes:
        """Return an XML document after all operations.

        Raises:
            FhirError: UNPROCESSABLE, TOO_LARGE.
        """
        check_work(len(self.operations), len(text))
        # with a parent the document element is a node like every other
        holder = etree.Element("document")
        holder.append(parse_xml(text))
        for number, operation in enumerate(self.operations):
            try:
                _ACTIONS[operation.name](holder, operation)
                _check_root(holder)
            except OperationError as error:
                raise error.as_error(number, operation.name) from None
        patched = bytes(etree.tostring(holder[0], encoding="UTF-8", with_tail=False))
        check_size(len(patched))
        return patched


def read_xml_patch(raw: bytes) -> XmlPatch:
    """Read an XML Patch document.

    Raises:
        FhirError: MALFORMED, naming the operation that is not one, or with line and column; TOO_LARGE.
    """
    root = parse_xml(raw)
    name = etree.QName(root)
    if name.localname not in _ROOTS or (name.namespace or "") not in _NAMESPACES:
        raise refuse(ErrorKind.MALFORMED, "Expected the root element 'diff' or 'patch'.")
    elements = [child for child in root if nodes.is_element(child)]
    if not elements:
        raise refuse(ErrorKind.MALFORMED, "The XML Patch has no operations.")
    check_operations(len(elements))
    return XmlPatch(tuple(_operation(number, element) for number, element in enumerate(elements)))


def _operation(number: int, element: etree._Element) -> _Operation:
    name = etree.QName(element)
    known = _ATTRIBUTES.get(name.localname)
    if known is None or (name.namespace or "") not in _NAMESPACES:
        raise malformed(number, f"expected one of {', '.join(_ATTRIBUTES)}")
    attributes = {str(key): str(value) for key, value in element.attrib.items()}
    if "sel" not in attributes:
        raise malformed(number, f"{name.localname} needs the attribute 'sel'")
    for unknown in sorted(attributes.keys() - known):
        raise malformed(number, f"{name.localname} takes no attribute '{unknown[:64]}'")
    for attribute, values in _VALUES.items():
        if attributes.get(attribute, values[0]) not in values:
            raise malformed(number, f"expected '{attribute}' to be one of {', '.join(values)}")
    return _Operation(name.localname, attributes, element.nsmap, element)


def _check_root(holder: etree._Element) -> None:
    if len(holder) != 1 or not nodes.is_element(holder[0]) or (holder.text or holder[0].tail or "").strip():
        raise OperationError("expected one document element to be left")


# -- the operations


def _add(holder: etree._Element, operation: _Operation) -> None:
    target = _selected(holder, operation)
    kind = operation.attributes.get("type")
    if not isinstance(target, etree._Element):
        raise OperationError("expected a selector of an element")
    if kind is not None:
        _add_value(target, kind, operation)
        return
    match operation.attributes.get("pos"):
        case "before":
            nodes.insert(*_place(target), operation.element, is_after=False)
        case "after":
            parent, index = _place(target)
            nodes.insert(parent, index + 1, operation.element, is_after=True)
        case "prepend":
            nodes.insert(target, 0, operation.element, is_after=True)
        case _:
            nodes.insert(target, len(target), operation.element, is_after=False)


def _place(target: etree._Element) -> tuple[etree._Element, int]:
    parent = nodes.parent_of(target)
    return parent, parent.index(target)


def _add_value(target: etree._Element, kind: str, operation: _Operation) -> None:
    """Add an attribute (``@name``) or a namespace declaration (``namespace::prefix``)."""
    text = _text(operation)
    try:
        if kind.startswith("namespace::"):
            nodes.declare(target, kind.removeprefix("namespace::"), text)
            return
        name = _attribute_name(kind, operation.namespaces)
        if name in target.attrib:
            raise OperationError("the attribute is there already")
        target.set(name, text)
    except ValueError:
        raise OperationError("expected 'type' to be '@' and the name of an attribute, or 'namespace::prefix'") from None


def _attribute_name(kind: str, namespaces: Mapping[str | None, str]) -> str:
    prefix, _, local = kind.removeprefix("@").rpartition(":")
    if not kind.startswith("@") or (prefix and prefix not in namespaces):
        raise ValueError(kind)
    return f"{{{namespaces[prefix]}}}{local}" if prefix else local


def _replace(holder: etree._Element, operation: _Operation) -> None:
    target = _selected(holder, operation)
    if not isinstance(target, etree._Element):
        nodes.set_string(target, _text(operation))
        return
    content = list(operation.element)
    texts = (operation.element.text, *(child.tail for child in content))
    if len(content) != 1 or any(text and text.strip() for text in texts) or not _is_same_kind(content[0], target):
        raise OperationError("expected one node of the same kind as content")
    nodes.replace(target, content[0])


def _remove(holder: etree._Element, operation: _Operation) -> None:
    target = _selected(holder, operation)
    if len(operation.element) or (operation.element.text or "").strip():
        raise OperationError("expected no content")
    if not isinstance(target, etree._Element):
        nodes.set_string(target, None)
        return
    _remove_space(target, operation.attributes.get("ws"))
    nodes.remove(target)


def _remove_space(target: etree._Element, where: str | None) -> None:
    """Remove the white space that ``ws`` names (RFC 5261, 4.5)."""
    parent, index = _place(target)
    for side, at in (("before", index), ("after", index + 1)):
        if where in (side, "both"):
            text = nodes.text_before(parent, at)
            if not text or text.strip():
                raise OperationError(f"expected white space {side} the node")
            nodes.set_text_before(parent, at, "")


_ACTIONS: Final[dict[str, Callable[[etree._Element, _Operation], None]]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}


def _selected(holder: etree._Element, operation: _Operation) -> Any:
    return select(holder, operation.attributes["sel"], operation.namespaces)


def _is_same_kind(one: etree._Element, other: etree._Element) -> bool:
    return (nodes.is_element(one) and nodes.is_element(other)) or one.tag is other.tag


def _text(operation: _Operation) -> str:
    if len(operation.element):
        raise OperationError("expected a text as content, found elements")
    return operation.element.text or ""
