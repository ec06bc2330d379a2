r"""Separators and escapes inside the value of a search parameter: ``\,`` ``\|`` ``\$`` ``\\``.

Spec: https://hl7.org/fhir/R4/search.html#escaping
"""

from __future__ import annotations

import re

from fhir_api.model.errors import ErrorKind, refuse

_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_UNESCAPED = {separator: re.compile(rf"((?:[^\\{re.escape(separator)}]|\\.)*)", re.DOTALL) for separator in ",|$"}


def split(text: str, separator: str) -> list[str]:
    """Return the parts of *text* between unescaped separators, still escaped."""
    if "\\" not in text:
        return text.split(separator)
    pattern = _UNESCAPED[separator]
    parts: list[str] = []
    at = 0
    while (match := pattern.match(text, at)) is not None:
        end = match.end()
        if end < len(text) and text[end] == "\\":  # a lone backslash at the very end
            parts.append(text[at:])
            break
        parts.append(match.group(1))
        if end == len(text):
            break
        at = end + 1
    return parts


def unescape(text: str) -> str:
    r"""Return *text* with its escapes resolved.

    Raises:
        FhirError: MALFORMED for a backslash before anything but ``, | $ \``.
    """
    return _ESCAPE.sub(_resolve, text) if "\\" in text else text


def _resolve(match: re.Match[str]) -> str:
    character = match.group(1)
    if character not in {",", "|", "$", "\\"}:
        raise refuse(
            ErrorKind.MALFORMED, "A backslash in a search value has to be followed by ',', '|', '$' or a backslash."
        )
    return character
