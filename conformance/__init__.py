"""The R4 definitions as data, compiled from the official package, and typed readers over them.

Readers are cached and give immutable results; ``conformance.build`` writes the data anew.

Spec: https://hl7.org/fhir/R4/downloads.html
"""
