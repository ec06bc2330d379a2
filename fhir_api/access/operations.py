"""What operations need beside what they read and write by the store, which is looked at there.

Operations on terminology answer from definitions that the server reads for itself, so whoever calls them has to be
allowed to read such definitions.

Spec: https://hl7.org/fhir/R4/operations.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fhir_api.access.access import Access

ANSWERED_FROM: Final = frozenset({"CodeSystem", "ConceptMap", "ValueSet"})
"""Types whose resources the server looks up for an operation on them."""


def check_operation(access: Access, resource_types: Iterable[str]) -> None:
    """Check that an operation defined on some types may be called.

    Raises:
        FhirError: FORBIDDEN.
    """
    for name in resource_types:
        if name in ANSWERED_FROM:
            access.admitted("read", name)
