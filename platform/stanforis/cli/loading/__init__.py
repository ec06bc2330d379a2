"""``stanforis load``: files of Bundles and NDJSON to a running FHIR server."""
