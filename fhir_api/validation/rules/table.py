"""Which rules are asked of which type.

The rules of a resource or data type are asked of the types that derive from it too: those of ``Quantity`` of an Age,
those of ``Element`` of everything but the values of primitives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fhir_api.validation.rules import identities, measure_reports, narratives, references, texts, uris, values
from fhir_api.validation.rules.bundles import full_urls, links, requests, searchsets
from fhir_api.validation.rules.definitions import (
    capabilities,
    code_systems,
    concept_maps,
    search_parameters,
    structures,
    value_sets,
)
from fhir_api.validation.rules.place import Rule
from fhir_api.validation.rules.questionnaires import forms, responses

_URI: Final = Rule("uri", uris.uri)
_WHITE_SPACE: Final = Rule("white-space", texts.white_space)
_DATE: Final = Rule("date-year", values.date)
_OWN_URL: Final = Rule("definition-url", uris.own_url)

_OF_DATA_TYPES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "Attachment": (Rule("attachment", values.attachment),),
    "Coding": (Rule("coding-system", identities.coding),),
    "Element": (Rule("element-id", identities.element_id),),
    "Extension": (Rule("extension-url", identities.extension),),
    "Identifier": (Rule("identifier", identities.identifier),),
    "Narrative": (Rule("narrative", narratives.narrative),),
    "Quantity": (Rule("quantity-unit", values.quantity),),
    "Reference": (Rule("reference-target", references.reference),),
    "base64Binary": (Rule("base64", values.base64),),
    "canonical": (_URI, Rule("canonical", uris.canonical)),
    "date": (_DATE,),
    "dateTime": (_DATE,),
    "instant": (_DATE,),
    "markdown": (_WHITE_SPACE, Rule("html", texts.markdown)),
    "oid": (_URI,),
    "string": (_WHITE_SPACE, Rule("html", texts.string)),
    "uri": (_URI,),
    "url": (_URI,),
    "uuid": (_URI,),
}
_OF_RESOURCES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "Bundle": (
        Rule("bundle-full-url", full_urls.full_urls),
        Rule("bundle-content", links.first_entry),
        Rule("bundle-request", requests.requests),
        Rule("bundle-link", searchsets.links),
        Rule("bundle-searchset", searchsets.searchset),
    ),
    "CapabilityStatement": (Rule("capability", capabilities.capability_statement),),
    "CodeSystem": (Rule("code-system", code_systems.code_system),),
    "ConceptMap": (Rule("concept-map", concept_maps.concept_map),),
    "MeasureReport": (Rule("measure-report", measure_reports.measure_report),),
    "Questionnaire": (Rule("questionnaire", forms.questionnaire),),
    "QuestionnaireResponse": (Rule("questionnaire-response", responses.response),),
    "SearchParameter": (Rule("search-parameter", search_parameters.search_parameter),),
    "StructureDefinition": (Rule("structure-definition", structures.structure_definition),),
    "ValueSet": (Rule("value-set", value_sets.value_set),),
}

RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    **_OF_DATA_TYPES,
    **dict.fromkeys(uris.definitions(), (_OWN_URL,)),
    **{name: (_OWN_URL, *rules) if name in uris.definitions() else rules for name, rules in _OF_RESOURCES.items()},
}
"""The rules of each type, in the order they are asked."""

ON_WRITE: Final[Mapping[str, tuple[Rule, ...]]] = {
    name: _OF_RESOURCES[name] for name in ("CodeSystem", "Questionnaire", "SearchParameter")
}
"""What is asked on writes: of types that are seldom written, and that others rely on."""
