"""Changes to a resource, written as JSON Patch, XML Patch or FHIRPath Patch.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""
