"""``_filter``: search criteria as one expression.

Spec: https://hl7.org/fhir/R4/search_filter.html
"""
