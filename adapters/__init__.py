"""Doors for what does not speak FHIR: HL7 v2 messages and medical devices."""
