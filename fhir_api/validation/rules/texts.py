"""Strings and Markdown: white space around them, and tags of HTML inside.

Spec: https://hl7.org/fhir/R4/datatypes.html#string, https://hl7.org/fhir/R4/security.html#narrative
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Place

_TAG: Final = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>|<!--|<!\[CDATA\[")
_TAG_OF_MARKDOWN: Final = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?=[\s/>])[^<>]*>|<!--|<!\[CDATA\[")
_CODE_OF_MARKDOWN: Final = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)


def white_space(value: str, place: Place) -> Iterator[Issue]:
    """Check that a text is more than white space, and has none around it."""
    stripped = value.strip()
    if not stripped:
        yield place.warning("value", "The text is nothing but white space.")
    elif len(stripped) != len(value):
        yield place.warning("value", "The text starts or ends with white space.")


def string(value: str, place: Place) -> Iterator[Issue]:
    """Check that a string has no tags: who shows it as HTML would run them."""
    if "<" in value and _TAG.search(value):
        diagnostics = "The text looks like HTML; shown as such without escapes it would be a danger."
        if place.scene.options.refuses_html:
            yield place.error("security", diagnostics)
        else:
            yield place.information("security", diagnostics)


def markdown(value: str, place: Place) -> Iterator[Issue]:
    """Check that Markdown has no tags outside of its code."""
    if "<" in value and _TAG_OF_MARKDOWN.search(_CODE_OF_MARKDOWN.sub("", value)):
        diagnostics = "The Markdown has a tag of HTML, which is escaped where it is shown."
        if place.scene.options.refuses_html:
            yield place.error("security", diagnostics)
        else:
            yield place.warning("security", diagnostics)
