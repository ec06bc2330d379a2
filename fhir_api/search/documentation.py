"""The tables of docs/search.md, made from those that the parser works by: ``python -m fhir_api.search.documentation``.

Each name has to have its words here: its table cannot be made without.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from conformance.search_parameters import search_parameters
from fhir_api.search.clauses import DEEPEST, MOST_STEPS, UNAVAILABLE
from fhir_api.search.code_sets import MOST_CODES
from fhir_api.search.contained import MOST_TYPES
from fhir_api.search.definitions import NOT_INDEXED
from fhir_api.search.query import Prefix
from fhir_api.search.results import RESULT_PARAMETERS
from fhir_api.search.types.registry import LEAVES
from fhir_api.search.value_clauses import MODIFIERS

PAGE: Final = Path(__file__).parents[2] / "docs/search.md"

VALUES: Final[Mapping[str, tuple[str, str]]] = {
    "token": (
        "`code`, `system|code`, `|code` (no system), `system|` (any code of it)",
        "Observation?code=http://loinc.org|8867-4",
    ),
    "reference": ("`id`, `Type/id`, a URL, a canonical with or without `|version`", "Observation?subject=Patient/1"),
    "string": ("the beginning of a text, without regard to case, accents and punctuation", "Patient?family=uwi"),
    "uri": ("the whole uri; a canonical also without its version", "ValueSet?url=http://example.org/vs"),
    "date": ("a year, month, day or time, with a prefix", "Patient?birthdate=ge1990-01"),
    "number": ("a number with a prefix; its digits say how exact it is", "RiskAssessment?probability=gt0.8"),
    "quantity": (
        "`number`, `number|system|code`, `number||unit`, `number|unit`, `number|system`; UCUM units by what they mean",
        "Observation?value-quantity=ge5.4|http://unitsofmeasure.org|mmol/L",
    ),
    "special": (
        "`near`: `latitude|longitude|distance|unit`, 50 km where no distance is given",
        "Location?near=-1.95|30.06|10|km",
    ),
    "composite": ("a value for each component, joined by `$`", "Observation?code-value-quantity=8480-6$gt140"),
}
"""For each type of parameter: what values look like, and a search."""

MEANINGS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "token": {
        "missing": ("there is no element, or there is one", "Patient?gender:missing=true"),
        "text": ("a display or text begins so", "Condition?code:text=headache"),
        "not": ("none of the values is there; what has no value matches", "Observation?status:not=final"),
        "in": ("a code of a value set", "Condition?code:in=http://example.org/vs"),
        "not-in": ("no code of a value set", "Condition?code:not-in=ValueSet/mine"),
        "above": ("the code, or one that subsumes it", "Condition?code:above=http://snomed.info/sct|73211009"),
        "below": (
            "the code, or one that it subsumes; a media type with any parameters",
            "Condition?code:below=http://snomed.info/sct|73211009",
        ),
        "of-type": (
            "an identifier by the system and code of its type and its value",
            "Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053",
        ),
    },
    "reference": {
        "missing": ("there is no reference, or there is one", "Observation?encounter:missing=false"),
        "identifier": ("by the identifier in the reference", "Observation?subject:identifier=http://nid.rw|1199"),
        "above": ("the resource, or one above it by `partof`", "Location?partof:above=Location/ward"),
        "below": (
            "the resource, or one below it by `partof`; a canonical of any version, or of one that begins so",
            "Encounter?location:below=Location/hospital",
        ),
    },
    "string": {
        "missing": ("there is no text, or there is one", "Patient?phonetic:missing=true"),
        "exact": ("the whole text, as it is written", "Patient?family:exact=Uwimana"),
        "contains": ("somewhere in the text", "Patient?family:contains=mana"),
        "text": ("words, by their beginnings, in any order; `AND`, `OR`, `NOT`, brackets", "Patient?name:text=uwi ana"),
    },
    "uri": {
        "missing": ("there is no uri, or there is one", "ValueSet?url:missing=false"),
        "above": ("a URL that the value begins with", "ValueSet?url:above=http://example.org/a/b"),
        "below": (
            "a URL that begins with the value; with `|version`, versions that begin so",
            "ValueSet?url:below=http://example.org/a",
        ),
    },
    **{
        kind: {"missing": ("there is no value, or there is one", example)}
        for kind, example in {
            "date": "Patient?death-date:missing=true",
            "number": "RiskAssessment?probability:missing=true",
            "quantity": "Observation?value-quantity:missing=true",
            "special": "Location?near:missing=true",
        }.items()
    },
    "composite": {},
}
"""For each type of parameter and each modifier: what it asks, and a search."""

PREFIXES: Final[Mapping[Prefix, str]] = {
    Prefix.EQ: "the range of the value contains the resource's (what no prefix means, too)",
    Prefix.NE: "it does not",
    Prefix.GT: "something of the resource's range is above the value's",
    Prefix.LT: "something of the resource's range is below the value's",
    Prefix.GE: "something of the resource's range is in the value's, or above it",
    Prefix.LE: "something of the resource's range is in the value's, or below it",
    Prefix.SA: "all of the resource's range is above the value's",
    Prefix.EB: "all of the resource's range is below the value's",
    Prefix.AP: "the ranges overlap, the value's made wider by a tenth (for dates, of the distance from now)",
}
"""What each prefix asks; only eq, ne and ap look at the digits of the value."""

SPECIAL: Final[Mapping[str, tuple[str, str]]] = {
    "_id": ("logical ids", "Patient?_id=1,2"),
    "_lastUpdated": ("when it was stored, as a date", "Patient?_lastUpdated=ge2026-11-01"),
    "_has": (
        "something points here that has a value; may be nested and hold chains",
        "Patient?_has:Observation:subject:code=8867-4",
    ),
    "_list": (
        "it is an item of a List: an id, or `$current-` and `problems`, `medications`, `allergies`, `drug-allergies`",
        "AllergyIntolerance?patient=42&_list=$current-allergies",
    ),
    "_filter": (
        "an expression of the [filter syntax](https://hl7.org/fhir/R4/search_filter.html)",
        'Patient?_filter=name co "mana" or active eq true',
    ),
    "_type": ("types, in a search of the whole server", "?_type=Patient,Practitioner&_id=1"),
    "_text": ("words of the narrative, likewise", "Condition?_text=(bone OR liver) and metastases"),
    "_content": (
        "words anywhere in the resource, unless `full_text_search` is off; `AND`, `OR`, `NOT` or `-`, and brackets",
        "Patient?_content=(asthma OR cough) and -fever",
    ),
    "_query": ("a query that has a name", "Patient?_query=current-high-risk"),
}
"""For each parameter that is no index look-up of its own: what it asks, and a search."""

RESULTS: Final[Mapping[str, tuple[str, str]]] = {
    "_sort": (
        "codes of parameters, `-` for descending, also given several times; what has no value comes last",
        "Patient?_sort=family,-birthdate",
    ),
    "_count": ("matches on a page; 0 asks for the total alone", "Patient?_count=50"),
    "_total": ("`none`, `estimate` or `accurate`", "Patient?_total=accurate"),
    "_summary": (
        "`true`, `text`, `data`, `count` or `false`; what is shortened is marked SUBSETTED",
        "Patient?_summary=true",
    ),
    "_elements": (
        "top elements to be shown, with those that are required; marked SUBSETTED",
        "Patient?_elements=name,birthDate",
    ),
    "_include": (
        "what matches refer to: `Type:parameter`, `Type:parameter:Target`, `*`; with `:iterate` again and again",
        "Observation?_include=Observation:subject",
    ),
    "_revinclude": ("what refers to matches, likewise", "Patient?_revinclude=Observation:subject"),
    "_contained": ("`false`, `true` or `both`: whether contained resources are searched", "Medication?_contained=true"),
    "_containedType": (
        "`container`: what holds the match is shown; `contained`: the contained resource, as `Type/id#id`",
        "Medication?_contained=true&_containedType=contained",
    ),
    "_score": ("`true`: each match says how well it fits, which is always 1", "Patient?_score=true"),
}
"""For each parameter of the result: its values, and a search."""

REFUSED: Final = ("_query",)
"""Parameters that are refused, whatever their value."""


def renewed(page: str) -> str:
    """Return *page* with each table, between ``<!-- table: name -->`` and ``<!-- end -->``, made again.

    Raises:
        KeyError: a table is not known, or a name that the parser knows has no words.
    """
    return _TABLE.sub(lambda match: "\n".join([match[1], "", *_TABLES[match[2]](), "", "<!-- end -->"]), page)


def _types() -> Iterator[str]:
    counted = Counter(definition.type for definition in search_parameters())
    yield from ("| type | in R4 | looks at | values | example |", "|---|---|---|---|---|")
    for kind, (values, example) in VALUES.items():
        looks_at = ", ".join(sorted(LEAVES[kind])) if kind in LEAVES else "several of the others together"
        yield _row(kind, str(counted[kind]), looks_at, values, f"`{example}`")


def _modifiers() -> Iterator[str]:
    yield from ("| type | modifier | asks | example |", "|---|---|---|---|")
    for kind, modifiers in MODIFIERS.items():
        for modifier in modifiers:
            meaning, example = MEANINGS[kind][modifier]
            yield _row(kind, f"`:{modifier}`", meaning, f"`{example}`")
    yield _row("reference", "`:Type`", "the id is one of that type", "`Observation?subject:Patient=1`")


def _prefixes() -> Iterator[str]:
    yield from ("| prefix | asks |", "|---|---|")
    yield from (_row(f"`{prefix}`", PREFIXES[prefix]) for prefix in Prefix)


def _special() -> Iterator[str]:
    return _listed(NOT_INDEXED, SPECIAL)


def _results() -> Iterator[str]:
    return _listed(RESULT_PARAMETERS, RESULTS)


def _listed(names: Iterable[str], words: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield from ("| parameter | is here | asks | example |", "|---|---|---|---|")
    for name in sorted(names):
        meaning, example = words[name]
        yield _row(f"`{name}`", "no" if name in UNAVAILABLE or name in REFUSED else "yes", meaning, f"`{example}`")


def _limits() -> Iterator[str]:
    yield from (
        "| what | most | beyond it |",
        "|---|---|---|",
        f"| references that a chain follows | {DEEPEST} | refused, `too-costly` |",
        f"| types that the steps of a chain reach | {MOST_STEPS:,} | refused, `too-costly` |",
        f"| codes that a value set or hierarchy stands for | {MOST_CODES:,} | refused, `too-costly` |",
        "| resources with texts beyond 500 characters, where those are compared | 5,000 | refused, `too-costly` |",
        "| matches in the order of identifiers | 5,000 | refused, `too-costly` |",
        f"| types of contained resources in one search | {MOST_TYPES} | refused |",
        "| matches on a page | setting `page_size_max` | the page is that long |",
        "| time of a search | setting `search_timeout` | 503, `too-costly` |",
        "| cost of a statement by the database's estimate | setting `search_cost` | 503, `too-costly` |",
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


_TABLE: Final = re.compile(r"(<!-- table: (\w+) -->)\n.*?<!-- end -->", re.DOTALL)
_TABLES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "types": _types,
    "modifiers": _modifiers,
    "prefixes": _prefixes,
    "parameters": _special,
    "results": _results,
    "limits": _limits,
}

if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
