"""The audit trail of the FHIR endpoint: what is put on record of each request, and how it is shown as FHIR."""
