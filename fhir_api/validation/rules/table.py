"""Which rules are asked of which type.

A type's rules are asked of the types that derive from it too: those of ``string`` of codes, those of ``Quantity`` of an
Age, those of ``Element`` of everything but the values of primitives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fhir_api.validation.rules import identities, references, texts, uris, values
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

_OF_RESOURCES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "Bundle": (
        full_urls.full_urls,
        links.first_entry,
        requests.requests,
        searchsets.links,
        searchsets.searchset,
    ),
    "CapabilityStatement": (capabilities.capability_statement,),
    "CodeSystem": (code_systems.code_system,),
    "ConceptMap": (concept_maps.concept_map,),
    "Questionnaire": (forms.questionnaire,),
    "QuestionnaireResponse": (responses.response,),
    "SearchParameter": (search_parameters.search_parameter,),
    "StructureDefinition": (structures.structure_definition,),
    "ValueSet": (value_sets.value_set,),
}
_OF_DEFINITIONS: Final[Mapping[str, tuple[Rule, ...]]] = dict.fromkeys(uris.definitions(), (uris.own_url,))

_OF_DATA_TYPES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "Attachment": (values.attachment,),
    "Coding": (identities.coding,),
    "Element": (identities.element_id,),
    "Extension": (identities.extension,),
    "Identifier": (identities.identifier,),
    "Quantity": (values.quantity,),
    "Reference": (references.reference,),
    "base64Binary": (values.base64,),
    "canonical": (uris.canonical,),
    "date": (values.date,),
    "dateTime": (values.date,),
    "instant": (values.date,),
    "markdown": (texts.markdown,),
    "string": (texts.string,),
    "uri": (uris.uri,),
}

RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    **_OF_DATA_TYPES,
    **{
        name: _OF_DEFINITIONS.get(name, ()) + _OF_RESOURCES.get(name, ()) for name in {*_OF_DEFINITIONS, *_OF_RESOURCES}
    },
}
"""The rules of each type, in the order they are asked."""
