"""The functions of FHIRPath, a module for each chapter of the specification; importing it makes them all known."""

from fhir_api.fhirpath.functions import (
    aggregates,
    combining,
    conversion,
    dates,
    existence,
    fhir,
    filtering,
    math,
    strings,
    subsetting,
    tree,
    types,
    utility,
)
from fhir_api.fhirpath.functions.registry import FUNCTIONS

__all__ = [
    "FUNCTIONS",
    "aggregates",
    "combining",
    "conversion",
    "dates",
    "existence",
    "fhir",
    "filtering",
    "math",
    "strings",
    "subsetting",
    "tree",
    "types",
    "utility",
]
