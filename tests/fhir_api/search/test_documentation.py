"""docs/search.md tells all that the parser knows."""

from __future__ import annotations

import re

import pytest

from conformance.search_parameters import search_parameters
from fhir_api.model.errors import FhirError
from fhir_api.search import documentation
from fhir_api.search.definitions import NOT_INDEXED
from fhir_api.search.query import Prefix
from fhir_api.search.results import RESULT_PARAMETERS
from fhir_api.search.value_clauses import MODIFIERS
from tests.support.stores import query

WORDS = documentation.PAGE.read_text(encoding="utf-8")
EXAMPLES = sorted(set(re.findall(r"`(\w*\?[^`]*)` \|$", WORDS.replace("\\|", "|"), re.MULTILINE)))


def test_the_tables_are_those_that_make_docs_makes() -> None:
    assert documentation.renewed(WORDS) == WORDS, "run 'make docs'"


def test_every_name_has_words() -> None:
    assert documentation.VALUES.keys() == {definition.type for definition in search_parameters()}
    assert {kind: set(words) for kind, words in documentation.MEANINGS.items()} == {
        kind: set(modifiers) for kind, modifiers in MODIFIERS.items()
    }
    assert documentation.PREFIXES.keys() == set(Prefix)
    assert documentation.SPECIAL.keys() == NOT_INDEXED
    assert documentation.RESULTS.keys() == RESULT_PARAMETERS
    for name in (*NOT_INDEXED, *RESULT_PARAMETERS, *(f":{each}" for known in MODIFIERS.values() for each in known)):
        assert f"`{name}`" in WORDS


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood_unless_the_page_says_no(example: str) -> None:
    line = next(line for line in WORDS.replace("\\|", "|").splitlines() if f"`{example}`" in line)
    if "| no |" in line:
        with pytest.raises(FhirError):
            query(example)
    elif re.search(":(not-)?in=|code:(above|below)=", example):
        # what belongs to a set of codes is asked of a terminology
        with pytest.raises(FhirError, match="in searches only"):
            query(example)
    else:
        query(example)
