"""The operations: one module for each ``$operation``, driven by its OperationDefinition.

Spec: https://hl7.org/fhir/R4/operations.html
"""
