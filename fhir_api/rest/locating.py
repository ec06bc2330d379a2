"""Line and column of what a refusal names, found in the body as it was sent.

Spec: https://hl7.org/fhir/extensions/StructureDefinition-operationoutcome-issue-line.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir_api.formats.positions import positions, steps
from fhir_api.model.errors import FhirError
from fhir_api.model.outcome import Issue
from fhir_api.rest.negotiation import is_json, is_xml, media_type
from fhir_api.rest.request import Request

MAX_SEARCHED = 4 * 1024 * 1024
"""Bytes of a body up to which places are looked for; it takes about as long as reading the body again."""


def locate(error: FhirError, request: Request, raw: bytes) -> FhirError:
    """Return *error* with the line and column of each issue that names an element.

    Args:
        error: why the request was refused.
        request: as it came, for the type of its body.
        raw: the body as it was sent.
    """
    error.issues = tuple(located(error.issues, request, raw))
    return error


def located(issues: Iterable[Issue], request: Request, raw: bytes, *, inside: str = "") -> Iterable[Issue]:
    """Return issues with the line and column of the elements they name, where they do not tell it already.

    Args:
        issues: about the body, or about the resource at *inside*.
        request: as it came, for the type of its body.
        raw: the body as it was sent.
        inside: where the resource stands in the body: ``Parameters.parameter[0].resource``.
    """
    told = tuple(issues)
    content_type = media_type(request.header(b"content-type") or "")
    if len(raw) > MAX_SEARCHED or not (is_json(content_type) or is_xml(content_type)):
        return told
    if not any(issue.expressions for issue in told):
        return told
    places = positions(raw, is_xml=is_xml(content_type))
    if places is None:
        return told
    before = steps(inside) if inside else []
    return [
        issue
        if issue.location is not None or not issue.expressions
        else replace(issue, location=places.find([*before, *steps(issue.expressions[0])]))
        for issue in told
    ]
