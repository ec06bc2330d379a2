"""Why a patch cannot be applied, and the bounds every patch has."""

from __future__ import annotations

from typing import Any

from fhir_api.model import exact_json
from fhir_api.model.errors import ErrorKind, FhirError, refuse

MOST_OPERATIONS = 1000
LARGEST_RESULT = 16 * 1024 * 1024
"""Bytes: a few copies of a resource into itself would otherwise grow without bound."""
MOST_WORK = 256 * 1024 * 1024
"""Operations times bytes, for formats whose operations search the resource: a second or so."""


class OperationError(Exception):
    """An operation of a patch cannot be carried out.

    Attributes:
        reason: what was found and what was expected; a sentence without its full stop.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def as_error(self, number: int, name: str) -> FhirError:
        """Return the UNPROCESSABLE error that names the operation: *number* counts from 0."""
        return refuse(ErrorKind.UNPROCESSABLE, f"Operation {number} ({name}) of the patch: {self.reason}.")


def check_operations(count: int) -> None:
    """Refuse a patch with too many operations.

    Raises:
        FhirError: TOO_LARGE.
    """
    if count > MOST_OPERATIONS:
        raise refuse(ErrorKind.TOO_LARGE, f"A patch may have {MOST_OPERATIONS} operations, this has {count}.")


def check_work(operations: int, size: int) -> None:
    """Refuse a patch whose operations would each search a resource of *size* bytes, if that were too much together.

    Raises:
        FhirError: TOO_LARGE.
    """
    if operations * size > MOST_WORK:
        raise refuse(
            ErrorKind.TOO_LARGE, f"A patch of {operations} operations is too much for a resource of this size."
        )


def check_size(size: int) -> None:
    """Refuse a result of more bytes than a patch may make.

    Raises:
        FhirError: TOO_LARGE.
    """
    if size > LARGEST_RESULT:
        raise refuse(ErrorKind.TOO_LARGE, f"The patched resource is larger than {LARGEST_RESULT} bytes.")


def written(tree: Any) -> bytes:
    """Return a patched tree as compact JSON.

    Raises:
        FhirError: TOO_LARGE when it has too many bytes or nests too deep.
    """
    try:
        text = exact_json.written(tree)
    except RecursionError:
        raise refuse(ErrorKind.TOO_LARGE, "The patched resource nests too deep.") from None
    check_size(len(text))
    return text


def malformed(number: int, reason: str, expression: str | None = None) -> FhirError:
    """Make the error of a patch whose operation *number* is not one."""
    return refuse(ErrorKind.MALFORMED, f"Operation {number} of the patch: {reason}.", expression=expression)
