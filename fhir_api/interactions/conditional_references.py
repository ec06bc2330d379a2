"""Conditional references, ``Patient?identifier=http://x|1``: replaced by the one resource that matches.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import json
import re

from fhir_api.interactions.conditions import criteria, one_match
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.resource import Resource, parse
from fhir_api.store.port import Reader

_CONDITIONAL = re.compile(rb'"reference":("([A-Z][A-Za-z]{1,63})\?(?:[^"\\]|\\.)+")')


async def resolved_references(context: Context, store: Reader, resource: Resource) -> Resource:
    """Return *resource* with each conditional reference replaced by ``Type/id``.

    Raises:
        FhirError: UNPROCESSABLE when nothing matches, PRECONDITION_FAILED when several do.
    """
    if b"?" not in resource.text:
        return resource
    found: dict[bytes, bytes] = {}
    for literal, kind in set(_CONDITIONAL.findall(resource.text)):
        resource_type = kind.decode()
        query = str(json.loads(literal)).partition("?")[2]
        key = await one_match(store, resource_type, criteria(context, resource_type, query))
        if key is None:
            raise refuse(
                ErrorKind.UNPROCESSABLE,
                f"A conditional reference matches no {resource_type}.",
                code="not-found",
                expression=resource.resource_type,
            )
        found[literal] = f'"{key}"'.encode()
    if not found:
        return resource
    return parse(_CONDITIONAL.sub(lambda match: b'"reference":' + found[match[1]], resource.text))
