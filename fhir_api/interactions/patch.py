"""The patch interaction with JSON Patch, by id and conditional.

Spec: https://hl7.org/fhir/R4/http.html#patch, RFC 6902
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jsonpatch
import jsonpointer
import msgspec

from fhir_api.interactions.conditions import criteria, lock_name, one_match
from fhir_api.interactions.context import Context, Written
from fhir_api.interactions.preparing import prepare
from fhir_api.interactions.read import read
from fhir_api.interactions.retrying import retried
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import Resource, parse, parse_json
from fhir_api.model.versions import Change
from fhir_api.store.collisions import CollisionError
from fhir_api.store.port import Reader, TenantStore, Transaction, Write

OK = 200
MOST_OPERATIONS = 1000
LARGEST_RESULT = 16 * 1024 * 1024
"""Bytes: a few copies of a resource into itself would otherwise grow without bound."""

_MEMBERS = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from"}
"""What an operation needs beside ``op`` and ``path``."""

# decimals keep their digits: read as Decimal, written as numbers
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """A JSON Patch document: operations in order."""

    operations: tuple[dict[str, Any], ...]

    def apply(self, resource: bytes) -> bytes:
        """Return the JSON of *resource* after all operations.

        Raises:
            FhirError: UNPROCESSABLE when an operation finds no place or a test fails; TOO_LARGE.
        """
        tree = _DECODER.decode(resource)
        for number, operation in enumerate(self.operations):
            try:
                tree = jsonpatch.apply_patch(tree, [operation], in_place=True)
            except jsonpatch.JsonPatchTestFailed:
                raise _failed(number, operation, "the test failed") from None
            except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, IndexError):
                raise _failed(number, operation, "there is no such place") from None
            if operation["op"] == "copy" and len(_ENCODER.encode(tree)) > LARGEST_RESULT:
                raise refuse(ErrorKind.TOO_LARGE, f"The patched resource is larger than {LARGEST_RESULT} bytes.")
        return _ENCODER.encode(tree)


def parse_json_patch(raw: bytes) -> JsonPatch:
    """Read a JSON Patch document.

    Raises:
        FhirError: MALFORMED, naming the operation that is not one.
    """
    parse_json(raw)  # strict: refuses what the decoder below would pass over
    operations = _DECODER.decode(raw)
    if not isinstance(operations, list):
        raise refuse(ErrorKind.MALFORMED, "A JSON Patch is an array of operations.")
    if len(operations) > MOST_OPERATIONS:
        raise refuse(ErrorKind.TOO_LARGE, f"A patch may have {MOST_OPERATIONS} operations, this has {len(operations)}.")
    for number, operation in enumerate(operations):
        if not _is_operation(operation):
            raise refuse(ErrorKind.MALFORMED, f"Operation {number} of the patch is not a JSON Patch operation.")
    return JsonPatch(tuple(operations))


def _is_operation(operation: object) -> bool:
    """Tell whether *operation* has the members that RFC 6902, 4 asks for."""
    if not isinstance(operation, dict) or _MEMBERS.get(str(operation.get("op"))) not in {*operation, None}:
        return False
    try:
        jsonpatch.JsonPatch([operation])
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException, TypeError, AttributeError):
        return False
    return True


async def patch(context: Context, key: ResourceKey, document: JsonPatch, *, if_match: int | None = None) -> Written:
    """Apply *document* to the current version and store the result; it is checked like an update.

    Raises:
        FhirError: NOT_FOUND, DELETED, PRECONDITION_FAILED, UNPROCESSABLE, INVALID.
    """

    async def attempt() -> Written:
        return await _patch_once(context, context.store, key, document, if_match)

    return await retried(attempt)


async def conditional_patch(
    context: Context, resource_type: str, query: str, document: JsonPatch, *, if_match: int | None = None
) -> Written:
    """Patch the one resource that matches *query*.

    Raises:
        FhirError: NOT_FOUND when none matches, PRECONDITION_FAILED when several do; as :func:`patch`.
    """
    clauses = criteria(context, resource_type, query)

    async def attempt() -> Written:
        async with context.store.transaction([lock_name(resource_type, query)]) as transaction:
            key = await one_match(transaction, resource_type, clauses)
            if key is None:
                raise refuse(ErrorKind.NOT_FOUND, f"No {resource_type} matches the criteria.")
            return await _patch_once(context, transaction, key, document, if_match)

    return await retried(attempt)


async def _patch_once(
    context: Context, store: TenantStore | Transaction, key: ResourceKey, document: JsonPatch, if_match: int | None
) -> Written:
    write = await patched(context, store, key, document, if_match)
    try:
        (version,) = await store.write([write])
    except FhirError as error:
        # the version that was patched is no longer current; only a client that named it wants to know
        if error.kind is ErrorKind.PRECONDITION_FAILED and if_match is None:
            raise CollisionError from error
        raise
    return Written(version, OK)


async def patched(
    context: Context, store: Reader, key: ResourceKey, document: JsonPatch, if_match: int | None
) -> Write:
    """Return the write that replaces the current version of *key* by what *document* makes of it.

    Raises:
        FhirError: NOT_FOUND, DELETED, PRECONDITION_FAILED, UNPROCESSABLE, INVALID.
    """
    current = await read(store, key)
    if if_match is not None and current.version_id != if_match:
        raise refuse(
            ErrorKind.PRECONDITION_FAILED,
            f"Version {if_match} of {key} was expected, version {current.version_id} is current.",
        )
    resource = parse(document.apply(current.resource()))
    _refuse_other_identity(key, resource)
    return prepare(context, resource, key, Change.PATCH, expected=current.version_id)


def _refuse_other_identity(key: ResourceKey, resource: Resource) -> None:
    if (resource.resource_type, resource.logical_id) != key:
        raise refuse(ErrorKind.UNPROCESSABLE, "A patch may not change 'resourceType' or 'id'.")


def _failed(number: int, operation: dict[str, Any], reason: str) -> FhirError:
    return refuse(ErrorKind.UNPROCESSABLE, f"Operation {number} ({operation['op']}) of the patch: {reason}.")
