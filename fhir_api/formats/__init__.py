"""The formats a resource travels in: JSON is how it is stored, XML is converted without loss.

Spec: https://hl7.org/fhir/R4/formats.html
"""
