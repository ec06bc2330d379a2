-- What a statement asks of the view is not looked at before its own condition.
ALTER VIEW fhir.tenant SET (security_barrier = true);
