"""``ConceptMap/$translate``: what is a code in another code system?

Spec: https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

import orjson

from fhir_api.interactions.consulting import ESCAPED
from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.operations.operation import Answer, Call
from fhir_api.operations.terms import (
    Coded,
    canonical_of,
    coded,
    given_definition,
    settle,
    terminology_of,
    undecided,
)
from fhir_api.packages.library import Definition
from fhir_api.search.query import Query
from fhir_api.terminology import Question, Translated

_MOST_MAPS: Final = 50
"""Maps that are asked where the call names none."""


async def translate(context: Context, call: Call) -> Answer:
    """Answer ``$translate``.

    Raises:
        FhirError: UNPROCESSABLE where no map is known that the call is about.
    """
    definition = await given_definition(context, call, "conceptMap")
    value = call.arguments.value
    asked = coded(call, value("system"), value("version"))
    if any(each.system is None for each in asked):
        raise refuse(ErrorKind.MALFORMED, "A code needs its system.", code="required")
    if definition is not None or value("url") is not None:
        canonicals = [canonical_of(call, definition, "conceptMapVersion")]
    else:
        canonicals = await _fitting(context, call, asked)
    questions = [_question(call, each) for each in asked]
    matches = await settle(context, lambda library: _matches(library, definition, canonicals, questions, call))
    return _answered(matches)


def _question(call: Call, asked: Coded) -> Question:
    dependencies = []
    for dependency in call.arguments.all("dependency"):
        parts = {part.name: part.value for part in dependency.parts}
        dependencies.append((str(parts.get("element", "")), parts.get("concept") or {}))
    return Question(asked.system, asked.code, asked.version, call.arguments.value("targetsystem"), dependencies)


def _matches(
    library: TenantLibrary,
    definition: Definition | None,
    canonicals: Iterable[str],
    questions: Iterable[Question],
    call: Call,
) -> list[Translated]:
    terminology = terminology_of(library, definition)
    is_reverse, target = call.arguments.value("reverse") is True, call.arguments.value("target")
    found: list[Translated] = []
    for canonical in canonicals:
        for question in questions:
            answers = terminology.translate(canonical, question, is_reverse=is_reverse)
            if answers is None:
                raise undecided("The ConceptMap is not known here.")
            found += answers
    if target is None:
        return found
    return [
        each for each in found if each.code is None or terminology.contains(target, each.system, each.code) is not False
    ]


async def _fitting(context: Context, call: Call, asked: Iterable[Coded]) -> list[str]:
    """Return the canonicals of the stored maps that translate from the systems of the codes.

    Raises:
        FhirError: UNPROCESSABLE where there is none.
    """
    value = call.arguments.value
    ends = ("target", "source") if value("reverse") is True else ("source", "target")
    systems = ",".join(str(each.system).translate(ESCAPED) for each in asked)
    criteria = [f"{ends[0]}-system={quote(systems, safe='')}", "status=active,draft"]
    if value("targetsystem") is not None:
        criteria.append(f"{ends[1]}-system={quote(value('targetsystem').translate(ESCAPED), safe='')}")
    query = Query(("ConceptMap",), context.rules.criteria("ConceptMap", "&".join(criteria)), count=_MOST_MAPS)
    maps = [orjson.loads(version.body) for version in (await context.store.search(query)).matches]
    fitting = [each["url"] for each in maps if "url" in each and _is_from(each, value("source"), ends[0])]
    if not fitting:
        raise undecided("No ConceptMap is known here that translates this code; 'url' names one.")
    return sorted(set(fitting))


def _is_from(concept_map: dict[str, Any], value_set: str | None, end: str) -> bool:
    """Tell whether a map is about a value set."""
    own = concept_map.get(f"{end}Canonical", concept_map.get(f"{end}Uri"))
    return value_set is None or own is None or own.partition("|")[0] == value_set.partition("|")[0]


def _answered(matches: list[Translated]) -> Answer:
    result = any(each.is_match for each in matches)
    parameter: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    if not matches:
        parameter.append({"name": "message", "valueString": "The map says nothing of this code."})
    for number, match in enumerate(matches):
        if match not in matches[:number]:
            parameter.append({"name": "match", "part": [*_parts(match)]})
    return Answer(orjson.dumps({"resourceType": "Parameters", "parameter": parameter}))


def _parts(match: Translated) -> Iterator[dict[str, Any]]:
    yield {"name": "equivalence", "valueCode": match.equivalence}
    members = {"system": match.system, "code": match.code, "display": match.display}
    coding = {name: value for name, value in members.items() if value is not None}
    if match.code is not None:
        yield {"name": "concept", "valueCoding": coding}
    for product in match.products:
        concept = {"code": product.get("value"), "system": product.get("system"), "display": product.get("display")}
        coding = {name: value for name, value in concept.items() if value is not None}
        element = {"name": "element", "valueUri": product.get("property")}
        yield {"name": "product", "part": [element, {"name": "concept", "valueCoding": coding}]}
    if match.concept_map:
        yield {"name": "source", "valueUri": match.concept_map}
