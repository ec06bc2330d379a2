"""``$graphql``: queries that say which elements of which resources they want.

Spec: https://hl7.org/fhir/R4/graphql.html
"""
