"""The door for Bundles: tell a batch from a transaction and answer as the one or the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fhir_api.interactions.batch import batch
from fhir_api.interactions.context import Context
from fhir_api.interactions.entries import EntryExecutor
from fhir_api.interactions.envelope import read_bundle, response_bundle
from fhir_api.interactions.transaction import transaction
from fhir_api.model.errors import ErrorKind, refuse


async def process_bundle(
    context: Context, raw: bytes, execute: EntryExecutor, returns: str | None = None
) -> AsyncIterator[bytes]:
    """Carry out the batch or transaction in *raw* and return the response Bundle's JSON in pieces.

    Args:
        context: the request's world.
        raw: the Bundle's JSON.
        execute: carries out an entry by itself: those of a batch, and those of a transaction that read.
        returns: ``Prefer: return``: what a transaction shows of what it wrote (*execute* knows it for a batch).

    Raises:
        FhirError: MALFORMED, INVALID, TOO_LARGE; for a transaction whatever its first refused entry says.
    """
    if len(raw) > context.limits.bundle_bytes:
        raise refuse(
            ErrorKind.TOO_LARGE, f"A Bundle may have {context.limits.bundle_bytes} bytes, this has {len(raw)}."
        )
    bundle = read_bundle(raw)
    if bundle.type == "batch":
        responses = await batch(context, bundle.entries, execute)
    else:
        responses = await transaction(context, bundle.entries, execute, returns)
    return response_bundle(f"{bundle.type}-response", responses)
