"""Binary: content in its own media type, both ways.

Spec: https://hl7.org/fhir/R4/binary.html#rest
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

import orjson

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.versions import StoredVersion
from fhir_api.rest.negotiation import MediaType, accepts, is_json, is_xml, names_fhir, presentation
from fhir_api.rest.request import Request
from fhir_api.rest.response import Header, Response

SAFE: tuple[Header, ...] = ((b"content-security-policy", b"sandbox; default-src 'none'"),)
"""Keeps a browser from running what somebody stored."""

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+\-]{1,127}/[A-Za-z0-9!#$&^_.+\-]{1,127}(?:\s*;[ -~]{1,200})?")


def native_response(request: Request, version: StoredVersion) -> Response | None:
    """Return the content of a Binary as it is; None where the client wants, or can only take, the FHIR resource.

    ``_format`` and FHIR media types in ``Accept`` ask for the resource.
    """
    accept = request.header(b"accept")
    if names_fhir(accept) or any(name in ("_format", "_summary", "_elements") for name, _ in request.query):
        return None
    binary = orjson.loads(version.body)
    content_type = binary.get("contentType", "")
    if not _MEDIA_TYPE.fullmatch(content_type):
        content_type = "application/octet-stream"
    if not accepts(accept, content_type):
        if presentation(accept, ()) is None:
            raise refuse(ErrorKind.NOT_ACCEPTABLE, f"This Binary is {content_type}, or FHIR in JSON or XML.")
        return None
    data = b64decode(binary.get("data", ""))
    return Response(200, data, version, media_type=content_type.encode(), headers=SAFE)


def is_resource(content_type: MediaType, raw: bytes) -> bool:
    """Tell whether a body sent to Binary is a Binary resource rather than content of its own.

    Plain JSON and XML may be either: then the body decides.
    """
    if "fhir" in content_type.name:
        return True
    if is_json(content_type):
        return _is_binary_json(raw)
    return is_xml(content_type) and b"<Binary" in raw[:1000] and b"http://hl7.org/fhir" in raw[:1000]


def wrap(content_type: str, raw: bytes, logical_id: str | None, security_context: str | None) -> bytes:
    """Return the Binary resource that holds *raw*; *security_context* is ``X-Security-Context``.

    Raises:
        FhirError: UNSUPPORTED_MEDIA_TYPE if *content_type* is not a media type.
    """
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, "The Content-Type of the Binary is not a media type.")
    binary: dict[str, object] = {"resourceType": "Binary"}
    if logical_id is not None:
        binary["id"] = logical_id
    binary["contentType"] = content_type
    if security_context:
        binary["securityContext"] = {"reference": security_context}
    if raw:
        binary["data"] = b64encode(raw).decode()
    return orjson.dumps(binary)


def _is_binary_json(raw: bytes) -> bool:
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(tree, dict) and tree.get("resourceType") == "Binary"
