"""A query as it was written: one operation, its fragments, its variables with their values.

Spec: https://spec.graphql.org/October2021/#sec-Language
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from graphql import GraphQLSyntaxError, parse
from graphql.language import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NonNullTypeNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    TypeNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)

from fhir_api.operations.graphql.errors import QueryError
from fhir_api.operations.graphql.request import Request

_FOUND_TEXT: Final = re.compile(r"""String ["'].*""", re.DOTALL)
_MOST_DIGITS: Final = 18
MOST_TOKENS: Final = 10_000
"""Names, brackets and values that a query may have."""
_SCALARS: Final[dict[str, tuple[type, ...]]] = {
    "Boolean": (bool,),
    "Int": (int,),
    "Float": (int, Decimal),
    "String": (str,),
    "ID": (str, int),
}


@dataclass(frozen=True, slots=True)
class Document:
    """One operation of a document.

    Attributes:
        operation: what is asked.
        fragments: by name.
        variables: their values, by name.
    """

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def value(self, node: ValueNode) -> Any:
        """Return a value of the query: text, number, bool, None or a list of these.

        Raises:
            QueryError: a variable that is not declared, or an object.
        """
        match node:
            case VariableNode():
                if node.name.value not in self.variables:
                    raise QueryError(f"The variable '${node.name.value}' is not declared", node)
                return self.variables[node.name.value]
            case ListValueNode():
                return [self.value(each) for each in node.values]
            case _:
                return _literal(node)

    def arguments(self, node: FieldNode | DirectiveNode) -> dict[str, Any]:
        """Return the arguments of a field or directive; one that is null is left out.

        Raises:
            QueryError: an argument stands twice.
        """
        found: dict[str, Any] = {}
        for argument in node.arguments or ():
            name = argument.name.value
            if name in found:
                raise QueryError(f"The argument '{name}' stands twice", argument)
            found[name] = self.value(argument.value)
        return {name: value for name, value in found.items() if value is not None}


def read_document(request: Request) -> Document:
    """Return the operation that is asked for.

    Raises:
        QueryError: the query cannot be read, has no such operation, is no query, or a variable has no value.
    """
    try:
        parsed = parse(request.query, max_tokens=MOST_TOKENS)
    except GraphQLSyntaxError as error:
        raise _unreadable(error) from None
    except RecursionError:
        raise QueryError("The query nests too deep", code="too-long") from None
    operation = _operation(parsed, request.operation_name)
    if operation.operation is not OperationType.QUERY:
        raise QueryError("Expected a query, found a " + operation.operation.value, operation, code="not-supported")
    fragments = {node.name.value: node for node in parsed.definitions if isinstance(node, FragmentDefinitionNode)}
    variables = {
        definition.variable.name.value: _variable(definition, request.variables)
        for definition in operation.variable_definitions or ()
    }
    return Document(operation, fragments, variables)


def _unreadable(error: GraphQLSyntaxError) -> QueryError:
    # the message may end in the text that was found, which may be a person's
    refused = QueryError(_FOUND_TEXT.sub("String", error.message, count=1))
    if error.locations:
        refused.location = error.locations[0]
    return refused


def _operation(parsed: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [node for node in parsed.definitions if isinstance(node, OperationDefinitionNode)]
    named = [node for node in operations if name is None or (node.name is not None and node.name.value == name)]
    if len(named) == 1:
        return named[0]
    if name is None:
        raise QueryError(f"Expected one operation or an 'operationName', found {len(operations)} operations")
    raise QueryError("There is no operation of this 'operationName', or there are several")


def _variable(definition: VariableDefinitionNode, given: Mapping[str, Any]) -> Any:
    name = definition.variable.name.value
    if name in given:
        value = given[name]
    else:
        value = None if definition.default_value is None else _constant(definition.default_value)
    if not _has_type(value, definition.type):
        raise QueryError(f"The variable '${name}' has a value of another type, or none", definition)
    return value


def _constant(node: ValueNode) -> Any:
    return [_literal(each) for each in node.values] if isinstance(node, ListValueNode) else _literal(node)


def _literal(node: ValueNode) -> Any:
    match node:
        case IntValueNode() if len(node.value) <= _MOST_DIGITS:
            return int(node.value)
        case FloatValueNode():
            return Decimal(node.value)
        case StringValueNode() | EnumValueNode() | BooleanValueNode():
            return node.value
        case NullValueNode():
            return None
        case _:
            raise QueryError("Expected a text, a number, a name, a boolean or a list of these", node)


def _has_type(value: Any, node: TypeNode) -> bool:
    match node:
        case NonNullTypeNode():
            return value is not None and _has_type(value, node.type)
        case _ if value is None:
            return True
        case ListTypeNode():
            return type(value) is list and all(_has_type(each, node.type) for each in value)
        case NamedTypeNode():
            # a type of FHIR, such as 'code' or an enumeration, is a text
            return type(value) in _SCALARS.get(node.name.value, (str,))
        case _:
            return False
