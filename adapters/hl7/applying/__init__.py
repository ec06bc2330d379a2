"""From stored messages to FHIR: each is mapped, carried out as one transaction, and settled.

``worker`` takes messages in the order of their lanes, ``application`` makes one of them FHIR, ``merging`` joins
patients,
``questions`` asks people what a code means, ``server`` is the FHIR server as they see it.
"""
