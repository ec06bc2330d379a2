"""Carries out ``$graphql``, on the system and on an instance.

Spec: https://hl7.org/fhir/R4/resource-operation-graphql.html, https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from conformance.operations import OperationParameter
from fhir_api.interactions.context import Context
from fhir_api.interactions.read import read
from fhir_api.model import exact_json
from fhir_api.operations.graphql.document import read_document
from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.execution import execute
from fhir_api.operations.graphql.records import Records
from fhir_api.operations.graphql.request import GRAPHQL, JSON, Request, read_request
from fhir_api.operations.graphql.tree import QUERY, Element
from fhir_api.operations.operation import Answer, Call, Level, Operation, declare

_BAD_REQUEST = 400
_PARAMETERS = tuple(OperationParameter(name, "in", type="string") for name in ("query", "operationName", "variables"))


async def graphql(context: Context, call: Call) -> Answer:
    """Answer ``$graphql`` with ``{"data": …}``, or with ``{"errors": …}`` and status 400 when the query is at fault.

    Raises:
        FhirError: NOT_FOUND, DELETED for the instance; MALFORMED for a request without a query.
    """
    request = read_request(call)
    root = Element({}, QUERY, {})
    if call.level is Level.INSTANCE:
        tree = exact_json.read((await read(context.store, call.key)).resource())
        root = Element(tree, call.resource_type, tree)
    try:
        data = await _answered(context, call, request, root)
    except QueryError as error:
        return _json(error.as_json(), _BAD_REQUEST)
    return _json({"data": data}, 200)


async def _answered(context: Context, call: Call, request: Request, root: Element) -> dict[str, Any]:
    return await execute(read_document(request), root, Records(context, call.cursors))


def _json(tree: dict[str, Any], status: int) -> Answer:
    return Answer(exact_json.written(tree), status, media_type=JSON)


def _declared() -> Operation:
    operation = declare("Resource-graphql", graphql, media_types=frozenset({GRAPHQL, JSON}))
    # over HTTP a query has a name and variables beside it, and may be the body instead of a parameter
    return replace(operation, definition=msgspec.structs.replace(operation.definition, parameters=_PARAMETERS))


GRAPHQL_OPERATION = _declared()
