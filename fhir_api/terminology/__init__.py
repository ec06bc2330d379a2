"""Codes, code systems and value sets.

Spec: https://hl7.org/fhir/R4/terminology-module.html
"""
