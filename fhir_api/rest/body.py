"""From the bytes of a request's body to what its route takes: a resource as JSON, a patch, a form.

Spec: https://hl7.org/fhir/R4/http.html#mime-type
"""

from __future__ import annotations

from codecs import BOM_UTF8

from fhir_api.formats.xml import from_xml
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.patching.documents import READERS
from fhir_api.rest import binary
from fhir_api.rest.negotiation import MediaType, check_body_type, is_json, is_xml, media_type
from fhir_api.rest.request import Pair, Request, query_pairs

RESOURCE = "resource"
BUNDLE = "bundle"
PATCH = "patch"
FORM = "form"
OPERATION = "operation"
"""Left as it is: what it may be depends on the operation."""
_FORM = "application/x-www-form-urlencoded"


def prepared(takes: str | None, request: Request, raw: bytes) -> Request:
    """Return *request* with the body that its route takes, made from the *raw* bytes that came.

    Raises:
        FhirError: UNSUPPORTED_MEDIA_TYPE, naming what is possible; MALFORMED for bad XML or a bad form.
    """
    header = request.header(b"content-type")
    content_type = media_type(header or "")
    match takes:
        case "resource" | "bundle":
            if takes == RESOURCE and request.segments[0] == "Binary" and not binary.is_resource(content_type, raw):
                return request._replace(body=_wrapped(request, header, raw))
            return request._replace(body=resource_json(content_type, raw))
        case "patch":
            _expect(content_type, *READERS)
            return request._replace(body=raw)
        case "form":
            if raw or header is not None:
                _expect(content_type, _FORM)
            return request._replace(query=request.query + _form(raw))
        case "operation":
            return request._replace(body=raw)
        case _:
            return request


def resource_json(content_type: MediaType, raw: bytes) -> bytes:
    """Return a resource that came in a FHIR format as JSON.

    Raises:
        FhirError: UNSUPPORTED_MEDIA_TYPE for another format; MALFORMED for bad XML.
    """
    check_body_type(content_type)
    if is_json(content_type):
        # RFC 8259 lets a reader ignore the mark that some editors put in front
        return raw.removeprefix(BOM_UTF8)
    if is_xml(content_type):
        return from_xml(raw)
    diagnostics = "Content-Type has to be application/fhir+json or application/fhir+xml."
    raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, diagnostics)


def _wrapped(request: Request, header: str | None, raw: bytes) -> bytes:
    logical_id = request.segments[1] if len(request.segments) > 1 else None
    content_type = header or "application/octet-stream"
    return binary.wrap(content_type, raw, logical_id, request.header(b"x-security-context"))


def _expect(content_type: MediaType, *names: str) -> None:
    check_body_type(content_type)
    if content_type.name not in names:
        raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, f"Content-Type has to be {' or '.join(names)}.")


def _form(raw: bytes) -> tuple[Pair, ...]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise refuse(ErrorKind.MALFORMED, "The form is not UTF-8.") from None
    if "\0" in text:
        raise refuse(ErrorKind.MALFORMED, "The form has a NUL character.")
    return query_pairs(text, "form")
