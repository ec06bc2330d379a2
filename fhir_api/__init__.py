"""The FHIR R4 server."""
