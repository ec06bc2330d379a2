"""SMART scopes: read, compared, and compiled into what they allow.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""
