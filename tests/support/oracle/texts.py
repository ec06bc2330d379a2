"""Texts: escapes, and what a string search ignores.

Spec: https://hl7.org/fhir/R4/search.html#escaping, https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

import unicodedata

SILENT = "'.`\u2019\u00b4"
"""Characters that are left out; other punctuation separates words."""


def parts(text: str, separator: str) -> list[str]:
    """Return what stands between separators, still escaped."""
    found = [""]
    escaped = False
    for character in text:
        if character == separator and not escaped:
            found.append("")
        else:
            found[-1] += character
        escaped = character == "\\" and not escaped
    return found


def plain(text: str) -> str:
    """Return *text* without its escapes."""
    found = ""
    escaped = False
    for character in text:
        if character == "\\" and not escaped:
            escaped = True
        else:
            found += character
            escaped = False
    return found


def escape(text: str) -> str:
    """Return *text* as it stands in the value of a parameter."""
    return "".join(f"\\{character}" if character in "\\,|$" else character for character in text)


def folded(text: str) -> str:
    """Return *text* without case, accents and punctuation, words separated by one blank."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    kept = ""
    for character in letters:
        if character in SILENT or unicodedata.combining(character):
            continue
        kept += character if character.isalnum() else " "
    return " ".join(kept.split())
