"""Read an expression into its tree, by precedence climbing.

Spec: https://hl7.org/fhirpath/N1/grammar.html, https://hl7.org/fhirpath/N1/#operator-precedence
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from fhir_api.fhirpath import ast
from fhir_api.fhirpath.errors import FhirPathSyntaxError
from fhir_api.fhirpath.lexer import Token, tokens

_PRECEDENCE: Final = {
    operator: level
    for level, operators in enumerate(
        (
            ("implies",),
            ("or", "xor"),
            ("and",),
            ("in", "contains"),
            ("=", "~", "!=", "!~"),
            ("<=", "<", ">", ">="),
            ("|",),
            ("is", "as"),
            ("+", "-", "&"),
            ("*", "/", "div", "mod"),
        ),
        start=1,
    )
    for operator in operators
}
_POLARITY: Final = 11
_RESERVED: Final = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})
"""Words that are no identifiers; the grammar takes ``as contains in is`` as identifiers too."""
_CALENDAR_UNITS: Final = {
    word + plural: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}
MAX_DEPTH: Final = 150
"""How deep parentheses, arguments and operands may nest."""


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.Expression:
    """Return the tree of an expression.

    Raises:
        FhirPathSyntaxError: *text* is no expression; says where, what was found and what was expected.
    """
    return _Parser(tokens(text)).whole()


def parse_type_specifier(text: str) -> ast.TypeSpecifier:
    """Return the type that *text* names, such as ``FHIR.Patient`` or ``string``.

    Raises:
        FhirPathSyntaxError: *text* is no type's name.
    """
    parser = _Parser(tokens(text))
    specifier = parser.type_specifier()
    parser.end()
    return specifier


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0
        self._depth = 0

    def whole(self) -> ast.Expression:
        expression = self._expression(1)
        self.end()
        return expression

    def end(self) -> None:
        if self._peek().kind != "end":
            raise self._unexpected("an operator or the end of the expression")

    def type_specifier(self) -> ast.TypeSpecifier:
        first = self._peek()
        name = self._identifier()
        if not self._takes("."):
            return ast.TypeSpecifier(first.position, None, name)
        return ast.TypeSpecifier(first.position, name, self._identifier())

    # -- expressions

    def _expression(self, lowest: int) -> ast.Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._unexpected(f"an expression that nests no deeper than {MAX_DEPTH} levels")
        left = self._polarity()
        while True:
            token = self._peek()
            level = _PRECEDENCE.get(token.text, 0) if token.kind in ("word", "sign") else 0
            if level < lowest or level == 0:
                break
            self._next += 1
            if token.text in ("is", "as"):
                left = ast.TypeExpression(token.position, token.text, left, self.type_specifier())
            else:
                left = ast.BinaryExpression(token.position, token.text, left, self._expression(level + 1))
        self._depth -= 1
        return left

    def _polarity(self) -> ast.Expression:
        token = self._peek()
        if token.kind == "sign" and token.text in "+-":
            self._next += 1
            return ast.PolarityExpression(token.position, token.text, self._expression(_POLARITY))
        return self._postfix()

    def _postfix(self) -> ast.Expression:
        expression = self._term()
        while True:
            token = self._peek()
            if self._takes("."):
                expression = ast.InvocationExpression(token.position, expression, self._step())
            elif self._takes("["):
                index = self._expression(1)
                self._expect("]")
                expression = ast.IndexerExpression(token.position, expression, index)
            else:
                return expression

    def _term(self) -> ast.Expression:
        token = self._peek()
        if token.kind == "sign":
            return self._signed_term(token)
        if token.kind == "word" and token.text in ("true", "false"):
            self._next += 1
            return ast.BooleanLiteral(token.position, token.text == "true")
        if token.kind in ("word", "delimited", "variable"):
            return self._invocation()
        return self._literal(token)

    def _signed_term(self, token: Token) -> ast.Expression:
        if self._takes("("):
            expression = self._expression(1)
            self._expect(")")
            return expression
        if self._takes("{"):
            self._expect("}")
            return ast.NullLiteral(token.position)
        if self._takes("%"):
            if self._peek().kind == "string":
                return ast.ExternalConstant(token.position, self._advance().text)
            return ast.ExternalConstant(token.position, self._identifier())
        raise self._unexpected("an expression")

    def _literal(self, token: Token) -> ast.Expression:
        position, text = token.position, token.text
        match token.kind:
            case "string":
                literal: ast.Expression = ast.StringLiteral(position, text)
            case "number":
                return self._number(self._advance())
            case "long":
                literal = ast.LongLiteral(position, int(text[:-1]))
            case "date":
                literal = ast.DateLiteral(position, text[1:])
            case "datetime":
                literal = ast.DateTimeLiteral(position, text[1:])
            case "time":
                literal = ast.TimeLiteral(position, text[2:])
            case _:
                raise self._unexpected("an expression")
        self._next += 1
        return literal

    def _number(self, token: Token) -> ast.Expression:
        unit = self._peek()
        if unit.kind == "string":
            self._next += 1
            return ast.QuantityLiteral(token.position, Decimal(token.text), unit.text, is_calendar=False)
        if unit.kind == "word" and unit.text in _CALENDAR_UNITS:
            self._next += 1
            calendar_unit = _CALENDAR_UNITS[unit.text]
            return ast.QuantityLiteral(token.position, Decimal(token.text), calendar_unit, is_calendar=True)
        return ast.NumberLiteral(token.position, Decimal(token.text) if "." in token.text else int(token.text))

    # -- invocations

    def _step(self) -> ast.Invocation:
        """Read what follows a point: no operator can, so ``Narrative.div`` needs no back quotes."""
        token = self._peek()
        if token.kind == "word" and token.text == "div":
            self._next += 1
            return ast.MemberInvocation(token.position, token.text)
        return self._invocation()

    def _invocation(self) -> ast.Invocation:
        token = self._peek()
        if token.kind == "variable":
            self._next += 1
            return _variable(token)
        name = self._identifier()
        if not self._takes("("):
            return ast.MemberInvocation(token.position, name)
        arguments: list[ast.Expression] = []
        if not self._takes(")"):
            arguments.append(self._argument(name))
            while self._takes(","):
                arguments.append(self._argument(name))
            self._expect(")")
        return ast.FunctionInvocation(token.position, name, tuple(arguments))

    def _argument(self, function: str) -> ast.Expression:
        expression = self._expression(1)
        token = self._peek()
        if function == "sort" and token.kind == "word" and token.text in ("asc", "desc"):
            self._next += 1
            return ast.SortArgument(token.position, expression, token.text == "desc")
        return expression

    def _identifier(self) -> str:
        token = self._peek()
        if token.kind == "delimited" or (token.kind == "word" and token.text not in _RESERVED):
            self._next += 1
            return token.text
        raise self._unexpected("an identifier")

    # -- tokens

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _takes(self, sign: str) -> bool:
        token = self._tokens[self._next]
        if token.kind != "sign" or token.text != sign:
            return False
        self._next += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._unexpected(f"'{sign}'")

    def _unexpected(self, expected: str) -> FhirPathSyntaxError:
        token = self._peek()
        found = "the end of the expression" if token.kind == "end" else f"'{token.text}'"
        return FhirPathSyntaxError(found, expected, token.position)


def _variable(token: Token) -> ast.Invocation:
    match token.text:
        case "$this":
            return ast.ThisInvocation(token.position)
        case "$index":
            return ast.IndexInvocation(token.position)
        case _:
            return ast.TotalInvocation(token.position)
