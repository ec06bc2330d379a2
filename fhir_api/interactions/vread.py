"""The vread interaction.

Spec: https://hl7.org/fhir/R4/http.html#vread
"""

from __future__ import annotations

from fhir_api.interactions.read import deleted
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.store.port import Reader

_MOST_DIGITS = 9


async def vread(store: Reader, key: ResourceKey, version_id: str) -> StoredVersion:
    """Return one version of a resource.

    Raises:
        FhirError: NOT_FOUND if there is no such version, DELETED if that version is the deletion.
    """
    version = await store.version(key, int(version_id)) if is_version_number(version_id) else None
    if version is None:
        raise refuse(ErrorKind.NOT_FOUND, f"{key} has no version {version_id[:64]}.")
    if version.is_deletion:
        raise deleted(version)
    return version


def is_version_number(text: str) -> bool:
    """Tell whether *text* can be a version id of this server: a number from 1 on."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0
