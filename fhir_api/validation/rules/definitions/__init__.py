"""Rules on conformance and terminology resources: what their text demands of their content.

Spec: https://hl7.org/fhir/R4/conformance-module.html, https://hl7.org/fhir/R4/terminology-module.html
"""
