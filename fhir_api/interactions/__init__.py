"""The interactions of FHIR, one module each.

Spec: https://hl7.org/fhir/R4/http.html
"""
