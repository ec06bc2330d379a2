"""Rules on Bundles.

Spec: https://hl7.org/fhir/R4/bundle.html
"""
