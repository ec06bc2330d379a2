"""Selectors of an XML Patch: the part of XPath that names one node, and nothing that could take long.

A selector is a path of child steps; a step may have predicates that compare the value of a child, an attribute or the
text with a literal, or count. The last step may name an attribute, a text, a comment or an instruction.

Spec: https://www.rfc-editor.org/rfc/rfc5261#section-4.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from lxml import etree

from fhir_api.formats.xml_rules import FHIR, XHTML
from fhir_api.patching.errors import OperationError

_LONGEST: Final = 1000
_DEFAULT: Final = "default-namespace"
"""The prefix that stands for names without one: XPath knows no default namespace."""
_USUAL: Final = {"f": FHIR, "h": XHTML}
"""Prefixes that need no declaration, as in the specification's examples."""

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<node>(?:text|comment|processing-instruction|last)\(\s*(?:"[^"]*"|'[^']*')?\s*\))
    | (?P<name>@?(?:[^\W\d][\w.-]*:)?(?:[^\W\d][\w.-]*|\*))
    | (?P<number>[0-9]{1,6})
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<sign>[\[\]/=.])
    )""",
    re.VERBOSE,
)


class _Token(NamedTuple):
    kind: str
    text: str


def select(document: etree._Element, selector: str, namespaces: Mapping[str | None, str]) -> Any:
    """Return the one node that *selector* names: an element, comment or instruction, or an lxml "smart" string.

    Args:
        document: what holds the document element.
        selector: its first step names the document element.
        namespaces: declared where the selector stands.

    Raises:
        OperationError: it is no such selector, or names no node or several.
    """
    known = _USUAL | {prefix: uri for prefix, uri in namespaces.items() if prefix}
    default = namespaces.get(None)
    if default:
        known[_DEFAULT] = default
    path = _Writer(_tokens(selector), has_default=bool(default)).path()
    try:
        found: Any = document.xpath(path, namespaces=known)
    except etree.XPathError:
        raise OperationError("the selector has a prefix that is not declared") from None
    if len(found) != 1:
        raise OperationError(f"expected a selector of one node, found {len(found)}")
    return found[0]


def _tokens(selector: str) -> list[_Token]:
    if len(selector) > _LONGEST:
        raise OperationError(f"the selector is longer than {_LONGEST} characters")
    found: list[_Token] = []
    offset, text = 0, selector.rstrip()
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None or match.lastgroup is None:
            raise _unread(offset)
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        offset = match.end()
    return found


class _Writer:
    """Reads the tokens of a selector and writes it as XPath."""

    def __init__(self, tokens: list[_Token], *, has_default: bool) -> None:
        self._tokens = tokens
        self._next = 0
        self._has_default = has_default

    def path(self) -> str:
        """Return the whole selector."""
        self._takes("/")
        steps = [self._step()]
        while self._takes("/"):
            steps.append(self._step())
        if self._next < len(self._tokens):
            raise _unread(self._next, "part")
        return "/".join(steps)

    def _step(self) -> str:
        step = self._node()
        while self._takes("["):
            step += f"[{self._predicate()}]"
            if not self._takes("]"):
                raise _unread(self._next, "part")
        return step

    def _node(self) -> str:
        token = self._token()
        if token.kind == "name":
            return self._qualified(token.text)
        if token.kind == "node" and not token.text.startswith("last"):
            return token.text
        raise _unread(self._next - 1, "part")

    def _predicate(self) -> str:
        conditions = [self._condition()]
        while self._peek() == _Token("name", "and"):
            self._next += 1
            conditions.append(self._condition())
        return " and ".join(conditions)

    def _condition(self) -> str:
        token = self._peek()
        if token.kind == "number" or token.text.startswith("last("):
            self._next += 1
            return token.text if token.kind == "node" else f"position()={token.text}"
        place = "." if self._takes(".") else self._relative()
        if not self._takes("=") or self._peek().kind not in {"text", "number"}:
            raise _unread(self._next, "part")
        return f"{place}={self._token().text}"

    def _relative(self) -> str:
        steps = [self._node()]
        while self._takes("/"):
            steps.append(self._node())
        return "/".join(steps)

    def _qualified(self, name: str) -> str:
        if self._has_default and ":" not in name and not name.startswith("@") and name != "*":
            return f"{_DEFAULT}:{name}"
        return name

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _Token("end", "")

    def _token(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _takes(self, sign: str) -> bool:
        if self._peek() == _Token("sign", sign):
            self._next += 1
            return True
        return False


def _unread(place: int, what: str = "character") -> OperationError:
    return OperationError(
        f"the selector cannot be read from its {what} {place} on: expected steps, predicates, literals"
    )
