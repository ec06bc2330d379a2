"""What a client asks: the text of a query with its variables, however it was sent.

Spec: https://hl7.org/fhir/R4/graphql.html, https://graphql.org/learn/serving-over-http/
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fhir_api.model import exact_json
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.resource import parse_json
from fhir_api.operations.operation import Call

GRAPHQL = "application/graphql"
JSON = "application/json"


class Request(NamedTuple):
    """One request.

    Attributes:
        query: the document.
        operation_name: which of its operations is meant; None where there is one only.
        variables: by name.
    """

    query: str
    operation_name: str | None
    variables: dict[str, Any]


def read_request(call: Call) -> Request:
    """Return the request that a call carries: in parameters, in a GraphQL body, or in a JSON body.

    Raises:
        FhirError: MALFORMED for a request without a query, or with parts of other types.
    """
    body = call.body
    if body is None:
        value = call.arguments.value
        return _request(value("query"), value("operationName"), _variables(value("variables")))
    if body.media_type == GRAPHQL:
        try:
            return _request(body.content.decode(), call.arguments.value("operationName"), {})
        except UnicodeDecodeError:
            raise refuse(ErrorKind.MALFORMED, "The query is not UTF-8.") from None
    tree = _object(body.content, "The body")
    return _request(tree.get("query"), tree.get("operationName"), tree.get("variables"))


def _request(query: Any, operation_name: Any, variables: Any) -> Request:
    if type(query) is not str or not query.strip():
        raise _expected("query", "a text", "required")
    if operation_name is not None and type(operation_name) is not str:
        raise _expected("operationName", "a text", "value")
    if variables is not None and type(variables) is not dict:
        raise _expected("variables", "an object", "value")
    return Request(query, operation_name or None, variables or {})


def _variables(text: str | None) -> dict[str, Any]:
    return {} if text is None else _object(text.encode(), "The parameter 'variables'")


def _object(text: bytes, what: str) -> dict[str, Any]:
    parse_json(text)  # strict: refuses what the decoder below would pass over
    tree = exact_json.read(text)
    if type(tree) is not dict:
        raise refuse(ErrorKind.MALFORMED, f"{what} has to be a JSON object.")
    return tree


def _expected(name: str, what: str, code: str) -> FhirError:
    return refuse(ErrorKind.MALFORMED, f"'{name}' of a GraphQL request has to be {what}.", code=code)
