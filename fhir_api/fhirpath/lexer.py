"""Cut the text of an expression into tokens.

Spec: https://hl7.org/fhirpath/N1/grammar.html (lexer rules)
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from fhir_api.fhirpath.errors import FhirPathSyntaxError, Position

MAX_LENGTH: Final = 65_536
"""How many characters an expression may have."""

_DATE: Final = r"\d{4}(?:-\d{2}(?:-\d{2})?)?"
_TIME: Final = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>(?:[ \t\r\n\u00a0]+|//[^\r\n]*|/\*.*?\*/)+)
    |(?P<time>@T{_TIME})
    |(?P<datetime>@{_DATE}T(?:{_TIME}(?:Z|[+-]\d{{2}}:\d{{2}})?)?)
    |(?P<date>@{_DATE})
    |(?P<long>\d+L\b)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<delimited>`(?:[^`\\]|\\.)*`)
    |(?P<variable>\$(?:this|index|total)\b)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{{}}%])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_ESCAPED: Final = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {sign: sign for sign in "'\"`\\/"}
_UNCLOSED: Final = {"'": "a closing '", "`": "a closing `", "/*": "a closing */"}


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: ``time datetime date long number string delimited variable word sign`` or ``end``.
        text: a name or text without its quotes and with its escapes resolved, else as written.
        position: where it begins.
    """

    kind: str
    text: str
    position: Position


def tokens(text: str) -> list[Token]:
    """Return the tokens of *text*, the last of kind ``end``; white space and comments are left out.

    Raises:
        FhirPathSyntaxError: a character, literal or comment that the grammar does not know.
    """
    if len(text) > MAX_LENGTH:
        raise FhirPathSyntaxError(f"{len(text)} characters", f"at most {MAX_LENGTH} characters", Position(0, 1, 1))
    found: list[Token] = []
    offset, line, line_start = 0, 1, 0
    while offset < len(text):
        position = Position(offset, line, offset - line_start + 1)
        match = _TOKEN.match(text, offset)
        if match is None or (text.startswith("/*", offset) and match.lastgroup != "space"):
            raise _unknown(text, position)
        kind, lexeme = str(match.lastgroup), match.group()
        if kind != "space":
            found.append(Token(kind, _unquoted(kind, lexeme, position), position))
        breaks = lexeme.count("\n")
        if breaks:
            line, line_start = line + breaks, offset + lexeme.rindex("\n") + 1
        offset = match.end()
    found.append(Token("end", "", Position(offset, line, offset - line_start + 1)))
    return found


def _unknown(text: str, position: Position) -> FhirPathSyntaxError:
    rest = text[position.offset :]
    for opening, expected in _UNCLOSED.items():
        if rest.startswith(opening):
            return FhirPathSyntaxError("the end of the expression", expected, position)
    return FhirPathSyntaxError(f"'{rest[:1]}'", "a FHIRPath token", position)


def _unquoted(kind: str, lexeme: str, position: Position) -> str:
    if kind not in ("string", "delimited"):
        return lexeme
    content = lexeme[1:-1]
    if "\\" not in content:
        return content
    return _ESCAPE.sub(lambda match: _resolved(match.group(), position), content)


def _resolved(escape: str, position: Position) -> str:
    if escape[1] in _ESCAPED:
        return _ESCAPED[escape[1]]
    if escape[1] != "u" or escape == "\\u":
        raise FhirPathSyntaxError(f"the escape '{escape}'", r"one of \' \" \` \\ \/ \f \n \r \t \uXXXX", position)
    # a character beyond the basic plane is written as two escapes in a row
    units = [int(unit, 16) for unit in escape.split("\\u")[1:]]
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "surrogatepass")
