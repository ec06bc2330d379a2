"""FHIRPath: read, compile and evaluate expressions (https://hl7.org/fhirpath/N1/)."""
