"""Whose record a resource belongs to: every patient it names, wherever it does.

That is more than its compartments say, and meant to be: who saw a resource saw everybody in it.
"""

from __future__ import annotations

import re

from fhir_api.model.versions import StoredVersion

_NAMED = re.compile(rb'Patient/([A-Za-z0-9\-.]{1,64})["/]')
"""It begins with plain text, which is looked for many times as quickly as what may stand before it."""


def patients_of(version: StoredVersion) -> set[str]:
    """Return the logical ids of the patients that a version is about or names."""
    found = {match.decode() for match in _NAMED.findall(version.body)}
    if version.key.resource_type == "Patient":
        found.add(version.key.logical_id)
    return found
