"""The door for Bundles: tell a batch from a transaction and answer as the one or the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fhir_api.interactions.batch import batch
from fhir_api.interactions.context import Context
from fhir_api.interactions.entries import EntryExecutor
from fhir_api.interactions.envelope import read_bundle, response_bundle
from fhir_api.interactions.transaction import transaction
from fhir_api.model.errors import ErrorKind, refuse


async def process_bundle(context: Context, raw: bytes, execute: EntryExecutor) -> AsyncIterator[bytes]:
    """Carry out the batch or transaction in *raw* and return the response Bundle's JSON in pieces.

    Raises:
        FhirError: MALFORMED, INVALID, TOO_LARGE; for a transaction whatever its first refused entry says.
    """
    if len(raw) > context.limits.bundle_bytes:
        raise refuse(
            ErrorKind.TOO_LARGE, f"A Bundle may have {context.limits.bundle_bytes} bytes, this has {len(raw)}."
        )
    bundle = read_bundle(raw)
    carry_out = batch if bundle.type == "batch" else transaction
    return response_bundle(f"{bundle.type}-response", await carry_out(context, bundle.entries, execute))
