"""Profiles: is a resource what the profiles that it claims, or that are asked for, demand beyond R4 itself?

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from fhir_api.validation.profiles.run import Resolver, within_bundle
from fhir_api.validation.profiles.service import Profiles

__all__ = ["Profiles", "Resolver", "within_bundle"]
