"""One module for each type of search parameter.

Each has the same three parts: what an element of a resource puts into the index (``LEAVES``, by FHIR type), how a value
of a query is read (``parse``), and whether an entry matches a value (``matches``).

Spec: https://hl7.org/fhir/R4/search.html#ptypes
"""
