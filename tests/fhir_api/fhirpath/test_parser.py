"""The grammar: https://hl7.org/fhirpath/N1/grammar.html."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_api.fhirpath import ast
from fhir_api.fhirpath.errors import FhirPathSyntaxError, Position
from fhir_api.fhirpath.parser import parse, parse_type_specifier


def shape(node: ast.Expression) -> str:
    """Write a tree with every operand in parentheses."""
    match node:
        case ast.BinaryExpression():
            return f"({shape(node.left)} {node.operator} {shape(node.right)})"
        case ast.TypeExpression():
            return f"({shape(node.operand)} {node.operator} {node.type_specifier.name})"
        case ast.PolarityExpression():
            return f"({node.operator}{shape(node.operand)})"
        case ast.InvocationExpression():
            return f"{shape(node.expression)}.{shape(node.invocation)}"
        case ast.IndexerExpression():
            return f"{shape(node.expression)}[{shape(node.index)}]"
        case ast.FunctionInvocation():
            return f"{node.name}({', '.join(map(shape, node.arguments))})"
        case ast.MemberInvocation():
            return node.name
        case ast.NumberLiteral():
            return str(node.value)
        case _:
            return type(node).__name__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("a implies b or c and d", "(a implies (b or (c and d)))"),
        ("a | b = c", "((a | b) = c)"),
        ("a > b is Boolean", "(a > (b is Boolean))"),
        ("a in b and c contains d", "((a in b) and (c contains d))"),
        ("-7.combine(3)", "(-7.combine(3))"),
        ("-a.b[0] + 1", "((-a.b[0]) + 1)"),
        ("a.as(X).is(Y).contains('z').in", "a.as(X).is(Y).contains(StringLiteral).in"),
        ("$this.where($index = $total)", "ThisInvocation.where((IndexInvocation = TotalInvocation))"),
        ("`div`.`a b`", "div.a b"),
        ("text.div", "text.div"),
        ("/* a */ a // b\n.c", "a.c"),
        ("{}", "NullLiteral"),
        ("sort(a desc, b)", "sort(SortArgument, b)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(parse(text)) == expected


AT_START = Position(0, 1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", ast.BooleanLiteral(AT_START, value=True)),
        (r"'a\'b\\\n\u00e9\uD83D\uDE00'", ast.StringLiteral(AT_START, "a'b\\\né\U0001f600")),
        ("1.50", ast.NumberLiteral(AT_START, Decimal("1.50"))),
        ("5L", ast.LongLiteral(AT_START, 5)),
        ("@2015-02", ast.DateLiteral(AT_START, "2015-02")),
        ("@2015T", ast.DateTimeLiteral(AT_START, "2015T")),
        ("@2015-02-04T14:34:28.123+10:00", ast.DateTimeLiteral(AT_START, "2015-02-04T14:34:28.123+10:00")),
        ("@T14:34", ast.TimeLiteral(AT_START, "14:34")),
        ("4 'mg'", ast.QuantityLiteral(AT_START, Decimal(4), "mg", is_calendar=False)),
        ("3 days", ast.QuantityLiteral(AT_START, Decimal(3), "day", is_calendar=True)),
        ("%'vs-a'", ast.ExternalConstant(AT_START, "vs-a")),
        ("%`ext-b`", ast.ExternalConstant(AT_START, "ext-b")),
        ("%resource", ast.ExternalConstant(AT_START, "resource")),
    ],
)
def test_literals(text: str, expected: ast.Expression) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "found", "expected"),
    [
        ("2 + 2 /", 1, 8, "the end of the expression", "an expression"),
        ("a\n  .where(b", 2, 11, "the end of the expression", "')'"),
        ("a b", 1, 3, "'b'", "an operator or the end of the expression"),
        ("a.", 1, 3, "the end of the expression", "an identifier"),
        ("'abc", 1, 1, "the end of the expression", "a closing '"),
        ("2 /* b", 1, 3, "the end of the expression", "a closing */"),
        ("a # b", 1, 3, "'#'", "a FHIRPath token"),
        (r"'\x'", 1, 1, r"the escape '\x'", r"one of \' \" \` \\ \/ \f \n \r \t \uXXXX"),
        ("@T14:34:28Z", 1, 11, "'Z'", "an operator or the end of the expression"),
        ("", 1, 1, "the end of the expression", "an expression"),
    ],
)
def test_syntax_error_names_the_place(text: str, line: int, column: int, found: str, expected: str) -> None:
    with pytest.raises(FhirPathSyntaxError) as refusal:
        parse(text)
    error = refusal.value
    assert error.position is not None
    assert (error.position.line, error.position.column, error.found, error.expected) == (line, column, found, expected)


def test_nesting_is_bounded() -> None:
    with pytest.raises(FhirPathSyntaxError, match="nests no deeper"):
        parse("(" * 1000 + "1" + ")" * 1000)


def test_type_specifier() -> None:
    assert parse_type_specifier("FHIR.Patient") == ast.TypeSpecifier(AT_START, "FHIR", "Patient")
