"""The XHTML of a narrative: browsers will show it, so nothing active may come in.

Spec: https://hl7.org/fhir/R4/narrative.html#Narrative, invariants txt-1 and txt-2
"""

from __future__ import annotations

import re
from typing import NoReturn
from xml.parsers import expat

XHTML = "http://www.w3.org/1999/xhtml"
MAX_NARRATIVE = 1024 * 1024
"""The greatest number of characters of a narrative."""

_ELEMENT_NAMES = """
a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p
pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var
"""
_ATTRIBUTE_NAMES = """
abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite
class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan
rules scope shape span src start style summary tabindex title type valign value vspace width
"""
_ELEMENTS = frozenset(f"{XHTML} {name}" for name in _ELEMENT_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split()) | {
    f"http://www.w3.org/XML/1998/namespace {name}" for name in ("lang", "space")
}

# Browsers drop these from a URL before they look at its scheme.
_IGNORED_IN_URL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_SCHEME = re.compile(r"([^/?#:]*):")
_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "urn"})
_IMAGE = re.compile(r"data:image/(?:png|gif|jpeg|jpg|webp|bmp);base64,[A-Za-z0-9+/=]+", re.IGNORECASE)
# A style may not fetch anything from elsewhere, run anything, or hide that it does (CSS escapes and comments). What
# shows trees in narratives of definitions draws their lines with small pictures beside the page, or inside the URL.
_HARMLESS_URL = re.compile(
    r"url\((?:[A-Za-z0-9_\-]+\.(?:png|gif|jpg)|data:image/(?:png|gif|jpeg);base64,[A-Za-z0-9+/=]+)\)", re.IGNORECASE
)
_ACTIVE_STYLE = re.compile(
    r"url|image(?:-set)?\s*\(|expression|import|javascript|behaviou?r|binding|\\|/\*|[<@]", re.IGNORECASE
)
_COMMENT_THAT_HTML_ENDS_EARLY = re.compile(r"-?>")


class _RefusedError(Exception):
    """The narrative holds something it may not hold; the message says what."""


def is_narrative(value: object) -> bool:
    """Tell whether *value* is XHTML that ``Narrative.div`` may hold; never raises."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NARRATIVE:
        return False
    try:
        return _Reader().read(value)
    except (_RefusedError, expat.ExpatError, UnicodeEncodeError):
        return False


def objection(value: object) -> str | None:
    """Return what is wrong with the XHTML of a narrative and where, nothing if it may stay; never raises."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NARRATIVE:
        return "it is empty or longer than 1 MB"
    reader = _Reader(keeps_path=True)
    try:
        has_content = reader.read(value)
    except _RefusedError as error:
        return f"{error}{reader.place}"
    except expat.ExpatError as error:
        return f"it is not well-formed XML without named entities ({_reason(error)}){reader.place}"
    except UnicodeEncodeError:
        return "it has half a character"
    return None if has_content else "it has neither text nor an image"


def _reason(error: expat.ExpatError) -> str:
    return f"{expat.ErrorString(error.code)}, line {error.lineno} of it"


class _Reader:
    """One pass over a narrative."""

    def __init__(self, *, keeps_path: bool = False) -> None:
        self._is_inside = False
        self._has_content = False
        self._path: list[str] | None = [] if keeps_path else None

    @property
    def place(self) -> str:
        """Where the reader stands, to be put behind what it found there."""
        return f" (in {'/'.join(self._path)})" if self._path else ""

    def read(self, text: str) -> bool:
        """Return whether there is content; raise for what may not be there."""
        parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = _comment
        if self._path is not None:
            parser.EndElementHandler = self._end
        # A document type may bomb with entities; HTML reads instructions and CDATA as comments that end at any '>'.
        parser.StartDoctypeDeclHandler = _refuse
        parser.ProcessingInstructionHandler = _refuse
        parser.StartCdataSectionHandler = _refuse
        parser.XmlDeclHandler = _refuse
        parser.Parse(text.encode(), True)
        return self._has_content

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._is_inside and name != f"{XHTML} div":
            raise _RefusedError(f"its outermost element is no div in the namespace {XHTML}")
        self._is_inside = True
        if self._path is not None:
            self._path.append(_tellable(name))
        if name not in _ELEMENTS:
            raise _RefusedError(f"the element '{_tellable(name)}' is not allowed")
        for attribute, value in attributes.items():
            if not _is_allowed(attribute, value):
                raise _RefusedError(f"the attribute '{_tellable(attribute)}', or what it holds, is not allowed")
        if "src" in attributes:
            self._has_content = True

    def _end(self, _name: str) -> None:
        if self._path:
            self._path.pop()

    def _characters(self, text: str) -> None:
        if not self._has_content and not text.isspace():
            self._has_content = True


def _refuse(*_found: object) -> NoReturn:
    raise _RefusedError("a DTD, a processing instruction or CDATA is not allowed")


def _comment(text: str) -> None:
    if _COMMENT_THAT_HTML_ENDS_EARLY.match(text):
        raise _RefusedError("a comment ends early where it is read as HTML")


def _tellable(name: str) -> str:
    """Return the local part of a name."""
    return name.rpartition(" ")[2][:32]


def _is_allowed(attribute: str, value: str) -> bool:
    if attribute not in _ATTRIBUTES:
        return False
    match attribute:
        case "href" | "cite" | "longdesc":
            return _scheme(value) in _LINK_SCHEMES
        case "src":
            return _scheme(value) in {"http", "https"} or _IMAGE.fullmatch(value) is not None
        case "style":
            return _ACTIVE_STYLE.search(_HARMLESS_URL.sub("", value)) is None
        case _:
            return True


def _scheme(url: str) -> str:
    """Return the scheme a browser would see, ``http`` for a relative URL."""
    match = _SCHEME.match(_IGNORED_IN_URL.sub("", url))
    return match[1].lower() if match else "http"
