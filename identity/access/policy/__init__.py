"""What people and systems may do: roles, and rules by attributes.

A token says what an app may do at most; this says what the person or system behind it may do. Both have to agree.

Spec: https://hl7.org/fhir/R4/security.html#binding
"""
