"""The ways a FHIRPath expression fails: by its syntax, by its meaning, or while it is evaluated.

Spec: https://hl7.org/fhirpath/N1/#strict-evaluation
"""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place in an expression's text: *offset* from 0, *line* and *column* from 1."""

    offset: int
    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class FhirPathError(Exception):
    """An expression cannot be read or evaluated.

    Attributes:
        problem: what is wrong, without the place; never a value of the resource.
        position: the place in the expression, None where it is not known.
    """

    def __init__(self, problem: str, position: Position | None = None) -> None:
        super().__init__(f"{problem} ({position})" if position else problem)
        self.problem = problem
        self.position = position


class FhirPathSyntaxError(FhirPathError):
    """The text is not a FHIRPath expression.

    Attributes:
        found: the text that stands there.
        expected: what the grammar allows there.
    """

    def __init__(self, found: str, expected: str, position: Position) -> None:
        super().__init__(f"Expected {expected}, found {found}", position)
        self.found = found
        self.expected = expected


class FhirPathSemanticError(FhirPathError):
    """The expression can never be evaluated: unknown function, wrong number of arguments, unknown element or type."""


class FhirPathEvaluationError(FhirPathError):
    """The expression met values it is not defined for."""


class FhirPathBudgetError(FhirPathEvaluationError):
    """The expression asks for more work than is done for a client's expression."""

    def __init__(self) -> None:
        super().__init__("The expression takes too many steps, or too long")
