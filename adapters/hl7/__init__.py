"""HL7 v2: interfaces of before FHIR, received over MLLP, kept, acknowledged and read without loss.

Spec: https://www.hl7.org/implement/standards/product_brief.cfm?product_id=185
"""
