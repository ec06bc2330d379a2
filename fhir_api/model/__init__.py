"""The words of FHIR as types: keys, versions, references, dates, resources as text, issues and errors."""
