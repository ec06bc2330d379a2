"""Which format comes in and which goes out.

Spec: https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/http.html#parameters
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest.request import Pair

FHIR_JSON = b"application/fhir+json"
FHIR_XML = b"application/fhir+xml"

_JSON = {"application/fhir+json", "application/json", "text/json", "application/json+fhir", "json"}
_XML = {"application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir", "xml"}
_VERSIONS = {"4.0", "4.0.1", "4"}
# A '+' in a URL is read as a space, so _format=application/fhir+json arrives like this.
_SPACED = {"application/fhir json": "application/fhir+json", "application/fhir xml": "application/fhir+xml"}
_ANSWERED_WITH = {
    "application/json": b"application/json",
    "text/json": b"application/json",
    "application/xml": b"application/xml",
    "text/xml": b"text/xml",
}
PRESENTATION_PARAMETERS = frozenset({"_format", "_pretty"})
"""Parameters that say how the answer looks, not what is in it."""


class MediaType(NamedTuple):
    """A media type with its parameters, all in lower case: ``application/fhir+json; fhirVersion=4.0``."""

    name: str
    parameters: tuple[Pair, ...] = ()

    def parameter(self, name: str) -> str | None:
        """Return a parameter's value."""
        return next((value for key, value in self.parameters if key == name), None)


class Presentation(NamedTuple):
    """How a resource goes out.

    Attributes:
        content_type: the header's value.
        is_xml: XML instead of JSON.
        is_pretty: indented.
    """

    content_type: bytes
    is_xml: bool = False
    is_pretty: bool = False


JSON = Presentation(FHIR_JSON + b";charset=utf-8")
"""What goes out when the client has no wish."""


@lru_cache(maxsize=512)
def media_type(text: str) -> MediaType:
    """Read a media type; what cannot be read gives an empty name."""
    name, *rest = text.lower().split(";")
    parameters = []
    for part in rest:
        key, _, value = part.partition("=")
        parameters.append((key.strip(), value.strip().strip('"')))
    return MediaType(name.strip(), tuple(parameters))


def presentation(accept: str | None, query: Iterable[Pair]) -> Presentation | None:
    """Return how the answer is to look by ``_format`` (which wins), ``Accept`` and ``_pretty``.

    None: there is an ``Accept``, and no FHIR format satisfies it.

    Raises:
        FhirError: NOT_ACCEPTABLE for an unknown ``_format``; MALFORMED for a wrong ``_pretty``.
    """
    wanted, is_pretty = None, False
    for name, value in query:
        if name == "_format":
            wanted = value
        elif name == "_pretty":
            is_pretty = _is_true(value)
    found = _by_format(wanted) if wanted is not None else _by_accept(accept)
    if found is None or not is_pretty:
        return found
    return found._replace(is_pretty=True)


def accepts(accept: str | None, content_type: str) -> bool:
    """Tell whether ``Accept`` lets *content_type* through."""
    name = media_type(content_type).name
    main = name.partition("/")[0]
    ranges = (wanted for wanted, quality in _ranges(accept or "*/*") if quality > 0)
    return any(wanted.name in (name, f"{main}/*", "*/*", "*") for wanted in ranges)


def names_fhir(accept: str | None) -> bool:
    """Tell whether ``Accept`` asks for a FHIR media type by its name."""
    return accept is not None and "fhir" in accept.lower()


def is_json(content_type: MediaType) -> bool:
    """Tell whether a body of this type is a resource in JSON."""
    return content_type.name in _JSON


def is_xml(content_type: MediaType) -> bool:
    """Tell whether a body of this type is a resource in XML."""
    return content_type.name in _XML


def check_body_type(content_type: MediaType) -> None:
    """Check the parameters of a body's media type.

    Raises:
        FhirError: UNSUPPORTED_MEDIA_TYPE for a character set other than UTF-8 or a FHIR version other than 4.0.
    """
    charset = content_type.parameter("charset")
    if charset not in (None, "utf-8", "utf8", "us-ascii"):
        raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, "The body's character set has to be UTF-8.")
    if not _is_this_version(content_type):
        raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, "This server speaks FHIR version 4.0 only.")


@lru_cache(maxsize=512)
def _by_format(text: str) -> Presentation:
    wanted = media_type(text)
    name = _SPACED.get(wanted.name, wanted.name)
    if not _is_this_version(wanted):
        raise refuse(ErrorKind.NOT_ACCEPTABLE, "This server speaks FHIR version 4.0 only.")
    found = _named(name)
    if found is None:
        raise refuse(ErrorKind.NOT_ACCEPTABLE, "_format has to be json or xml, or a media type of these.")
    return found


@lru_cache(maxsize=512)
def _by_accept(accept: str | None) -> Presentation | None:
    if accept is None or not accept.strip():
        return JSON
    best: tuple[float, Presentation] | None = None
    for wanted, quality in _ranges(accept):
        if quality <= 0 or not _is_this_version(wanted):
            continue
        found = JSON if wanted.name in ("*/*", "*", "application/*", "text/*") else _named(wanted.name)
        if found is not None and (best is None or quality > best[0]):
            best = (quality, found)
    return None if best is None else best[1]


def _named(name: str) -> Presentation | None:
    if name in _JSON:
        return Presentation(_ANSWERED_WITH.get(name, FHIR_JSON) + b";charset=utf-8")
    if name in _XML:
        return Presentation(_ANSWERED_WITH.get(name, FHIR_XML) + b";charset=utf-8", is_xml=True)
    return None


def _ranges(accept: str) -> Iterable[tuple[MediaType, float]]:
    """Give the ranges of ``Accept`` with their quality; one that cannot be read has none."""
    for text in accept.split(","):
        wanted = media_type(text)
        try:
            quality = float(wanted.parameter("q") or 1)
        except ValueError:
            quality = 0.0
        yield wanted, quality


def _is_this_version(wanted: MediaType) -> bool:
    return wanted.parameter("fhirversion") in (None, *_VERSIONS)


def _is_true(value: str) -> bool:
    if value not in ("true", "false", ""):
        raise refuse(ErrorKind.MALFORMED, "_pretty is true or false.", code="value")
    return value != "false"
