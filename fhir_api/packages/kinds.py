"""Kinds of conformance resources.

Spec: https://hl7.org/fhir/R4/resource.html#canonical
"""

from __future__ import annotations

DEFINITION_TYPES = frozenset({
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "EffectEvidenceSynthesis",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MessageDefinition",
    "NamingSystem",
    "OperationDefinition",
    "PlanDefinition",
    "Questionnaire",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "RiskEvidenceSynthesis",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "TestScript",
    "ValueSet",
})  # fmt: skip
"""Types that a package brings into a tenant; all others in it are examples."""

CONSULTED_TYPES = frozenset({
    "CodeSystem",
    "ConceptMap",
    "NamingSystem",
    "OperationDefinition",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "ValueSet",
})  # fmt: skip
"""Types by which the server checks or answers: a change of one may change what is valid."""
