"""Nodes of an XML tree put in, replaced and taken out; text stays in its order.

lxml keeps text with its neighbours: before the first child as ``text`` of the parent, else as ``tail`` of the sibling
before it. Everything here is said in terms of "the text before the child at an index".
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from lxml import etree

from fhir_api.patching.errors import OperationError

Element = etree._Element


def is_element(node: Element) -> bool:
    """Tell elements from comments and instructions."""
    tag: Any = node.tag  # for those it is a function
    return isinstance(tag, str)


def parent_of(node: Element) -> Element:
    """Return the parent; the document element has one too while it is patched."""
    parent = node.getparent()
    if parent is None:
        raise OperationError("expected a node inside the document")
    return parent


def text_before(parent: Element, index: int) -> str:
    """Return the text between the child before *index* and the one at it."""
    return (parent.text if index == 0 else parent[index - 1].tail) or ""


def set_text_before(parent: Element, index: int, text: str) -> None:
    """Set the text between the child before *index* and the one at it."""
    if index == 0:
        parent.text = text or None
    else:
        parent[index - 1].tail = text or None


def insert(parent: Element, index: int, content: Element, *, is_after: bool) -> None:
    """Put a copy of everything inside *content* before the child at *index*.

    Args:
        parent: where it comes to stand.
        index: of the child that follows.
        content: the element whose text and children are copied.
        is_after: the text that stands there now comes after the content, not before it.
    """
    there = text_before(parent, index)
    before, after = ("", there) if is_after else (there, "")
    copies = [deepcopy(child) for child in content]
    text = before + (content.text or "")
    if not copies:
        set_text_before(parent, index, text + after)
        return
    copies[-1].tail = (copies[-1].tail or "") + after or None
    set_text_before(parent, index, text)
    parent[index:index] = copies


def replace(node: Element, other: Element) -> None:
    """Put a copy of *other* where *node* stands."""
    copy = deepcopy(other)
    copy.tail = node.tail
    parent_of(node).replace(node, copy)


def remove(node: Element) -> None:
    """Take a node out; the text after it stays."""
    parent = parent_of(node)
    index = parent.index(node)
    text = text_before(parent, index) + (node.tail or "")
    parent.remove(node)
    set_text_before(parent, index, text)


def set_string(string: Any, text: str | None) -> None:
    """Set the attribute or text that an lxml "smart" string stands for; None takes it out.

    Raises:
        OperationError: the string is a part of neither.
    """
    holder = string.getparent()
    if holder is None:
        raise OperationError("expected an attribute or a text of an element")
    if string.is_attribute:
        if text is None:
            del holder.attrib[string.attrname]
        else:
            holder.set(string.attrname, text)
    elif string.is_tail:
        holder.tail = text
    else:
        holder.text = text


def declare(element: Element, prefix: str, namespace: str) -> None:
    """Declare a namespace on an element: it is made anew, since lxml keeps declarations as they were."""
    nsmap: Any = {**element.nsmap, prefix: namespace}  # the stubs leave out None, the default namespace
    copy = etree.Element(element.tag, {str(name): str(value) for name, value in element.attrib.items()}, nsmap)
    copy.text, copy.tail = element.text, element.tail
    copy[:] = list(element)
    parent_of(element).replace(element, copy)
