"""Who may reach what: callers, decisions, and the store that shows nothing else.

Spec: https://hl7.org/fhir/R4/security.html
"""
