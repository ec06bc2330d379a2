"""Definitions by their canonical URLs: those of R4 itself, and those that packages bring.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""
