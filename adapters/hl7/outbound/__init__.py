"""FHIR to HL7 v2: changes become messages, which are queued for each destination and sent over MLLP.

``following`` reads the change log, ``building`` makes messages of the rows in ``mappings/outbound``, ``delivering``
sends what is queued.
"""
