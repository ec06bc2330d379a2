"""Whose record a resource belongs to: every patient it names, wherever it does.

That is more than its compartments say, and meant to be: who saw a resource saw everybody in it.
"""

from __future__ import annotations

import re

from fhir_api.model.versions import StoredVersion

_REFERENCE = re.compile(rb'"reference":"(?:[^"]{1,512}/)?Patient/([A-Za-z0-9\-.]{1,64})["/]')


def patients_of(version: StoredVersion) -> set[str]:
    """Return the logical ids of the patients that a version is about or names."""
    found = {match.decode() for match in _REFERENCE.findall(version.body)} if b"Patient/" in version.body else set()
    if version.key.resource_type == "Patient":
        found.add(version.key.logical_id)
    return found
