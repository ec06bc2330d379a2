"""Opening the store: connections, the installation's secrets, the compiled definitions."""

from __future__ import annotations

from dataclasses import replace

from stanforis.storage.pool import Pool, PoolOptions
from stanforis.tenancy.contexts import Contexts

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.extract.extractor import Extractor
from fhir_api.store.limits import Limits
from fhir_api.store.postgres.arrays import pass_arrays_through
from fhir_api.store.postgres.encode import Encoder, PresentBits
from fhir_api.store.postgres.guard import Guard
from fhir_api.store.postgres.hashing import Hasher
from fhir_api.store.postgres.session import translated
from fhir_api.store.postgres.shared import Shared
from fhir_api.store.postgres.store import PostgresStores
from fhir_api.store.postgres.working import looking
from fhir_api.store.postgres.writes import Indexing

_SESSION = (
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("max_parallel_workers_per_gather", "0"),
)
"""Plans are kept, also those made while a table was small or had no statistics: with only index look-ups open to them,
their cost grows with the answer and not with the store. Requests share few cores, so none takes several."""

ROLE = "stanforis_app"
"""The role the server works as: it owns nothing, and row security binds it."""


async def open_stores(
    options: PoolOptions,
    definitions: SearchDefinitions,
    extractor: Extractor,
    limits: Limits | None = None,
    *,
    contexts: Contexts,
) -> PostgresStores:
    """Return the stores of a database that is migrated already; *contexts* signs what it is told of tenants.

    Raises:
        FhirError: UNAVAILABLE when the database cannot be reached.
    """
    pool = Pool(replace(options, role=ROLE, settings=_SESSION, prepare=pass_arrays_through))
    with translated():
        async with pool.acquire() as connection:
            row = await connection.fetchrow("SELECT hash_seed, cursor_key FROM fhir.installation")
    if row is None:
        raise LookupError("The database has no row in fhir.installation.")

    indexing = Indexing(Encoder(Hasher(row["hash_seed"])), PresentBits(definitions), extractor, definitions)
    looks = Pool(replace(pool.options, size=1, prepare=None))
    guard = Guard(limits or Limits(), looking(looks))
    stores = PostgresStores(Shared(pool, looks, contexts, indexing, guard), row["cursor_key"])
    # whoever writes has to know the tenants' time zones
    await stores.refresh()
    return stores
