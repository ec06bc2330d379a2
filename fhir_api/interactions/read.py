"""The read interaction.

Spec: https://hl7.org/fhir/R4/http.html#read
"""

from __future__ import annotations

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.store.port import Reader


async def read(store: Reader, key: ResourceKey) -> StoredVersion:
    """Return the current version of a resource.

    Raises:
        FhirError: NOT_FOUND if nothing was ever stored under *key*, DELETED if the newest version is a deletion.
    """
    version = await store.current(key)
    if version is None:
        raise not_found(key)
    if version.is_deletion:
        raise deleted(version)
    return version


def not_found(key: ResourceKey) -> FhirError:
    """Make the error of a resource that was never stored."""
    return refuse(ErrorKind.NOT_FOUND, f"{key} is not known.")


def deleted(version: StoredVersion) -> FhirError:
    """Make the error of a resource that is gone."""
    return refuse(ErrorKind.DELETED, f"{version.key} was deleted; its history is kept.")
