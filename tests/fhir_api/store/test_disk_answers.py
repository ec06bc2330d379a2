"""What PostgreSQL says of a disk that takes nothing is told as a database that does not answer, not as a fault."""

from __future__ import annotations

import asyncpg
import pytest

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.store.postgres.session import translated


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DiskFullError("could not extend file"),
        asyncpg.PostgresIOError("could not write block"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.InsufficientPrivilegeError("could not extend file: Read-only file system"),
    ],
)
def test_a_disk_that_takes_nothing_is_unavailable(error: asyncpg.PostgresError) -> None:
    with pytest.raises(FhirError) as raised, translated():
        raise error
    assert raised.value.kind is ErrorKind.UNAVAILABLE


def test_a_missing_right_is_a_fault() -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError), translated():
        raise asyncpg.InsufficientPrivilegeError("permission denied for table resource")
