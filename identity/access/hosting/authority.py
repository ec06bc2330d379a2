"""The authorization servers of an installation, one for each tenant, as one API process has them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import TYPE_CHECKING

from stanforis.errors import OperatorError
from stanforis.outbound import Outbound
from stanforis.outbound.addresses import networks
from stanforis.recent import Recent
from stanforis.settings import Settings
from stanforis.storage.secrets import installation_secret

from identity.access.administration.recording import KeepRecord, keep_nothing
from identity.access.clock import Clock, system_clock
from identity.access.errors import InvalidTokenError, OAuthError, UnavailableError
from identity.access.grants.proof import proven_key
from identity.access.grants.server import Server
from identity.access.grants.showing import Shown
from identity.access.hosting.addresses import DEFAULT_TENANT, Site
from identity.access.hosting.key_sets import KeySets
from identity.access.hosting.owner import owner_key, owner_verification
from identity.access.hosting.vouching import statement_keys
from identity.access.noting import Note, Noted, note_nothing
from identity.access.policy.policies import Policies
from identity.access.store.port import AccessStores
from identity.access.tokens.jwk import VerificationKey
from identity.access.tokens.key_file import KeyFile
from identity.access.tokens.revocations import Revocations
from identity.access.tokens.verifier import Expected, Verified, Verifier

if TYPE_CHECKING:
    from stanforis.storage.pool import Pool

CONNECTIONS = 2
"""Database connections of the authorization servers of one process."""
_EVERY = 5.0
"""Seconds for which a token, or a rule, may outlive its end in another process."""
_TIDY_EVERY = 60
"""Rounds between two tidyings and looks at the key file."""
MOST_TENANTS = 256
"""Tenants whose servers, roles and rules one process keeps; the one asked for longest ago makes room."""
_log = logging.getLogger(__name__)


class Authority:
    """Issues and verifies the tokens of an installation.

    Attributes:
        site: what its URLs begin with.
        stores: what each tenant's server keeps; there is none before the start.
        note: takes note of sign-ins and tokens.
        keep: keeps records of what administrators change.
    """

    stores: AccessStores

    def __init__(self, settings: Settings, *, stores: AccessStores | None = None, clock: Clock = system_clock) -> None:
        """Read, or make, the keys in the data folder, so that processes forked from here on share them.

        Args:
            settings: of the installation, with its base URL.
            stores: in place of those in the database.
            clock: the time.

        Raises:
            OperatorError: the base URL or a key file cannot be used.
        """
        self.site = Site.of(settings.base_url)
        self.clock = clock
        self._settings = settings
        self._key_file = KeyFile(settings.data / "access" / "keys.json", algorithms=("ES256", "RS256"), clock=clock)
        self._owner = owner_verification(owner_key(settings.data))
        secret = settings.secret or installation_secret(settings.data)
        self._secret = hmac_digest(secret.encode(), b"access", sha256)
        self._revocations = Revocations(clock)
        self._verifier = Verifier(self._find_key, self._expected, self._revocations, clock=clock)
        self._outbound = Outbound(networks(settings.outbound_networks))
        self._key_sets = KeySets(self._outbound, clock)
        self._statement_keys = statement_keys(settings.data)
        self.note: Note = note_nothing
        self.keep: KeepRecord = keep_nothing
        self._servers = Recent[int, Server](MOST_TENANTS)
        self._policies = Recent[int, Policies](MOST_TENANTS)
        self._generations: dict[int, int] = {}
        self._used: set[int] = {DEFAULT_TENANT}
        self._pool: Pool | None = None
        self._task: asyncio.Task[None] | None = None
        if stores is not None:
            self.stores = stores

    async def start(self) -> None:
        """Connect with the database and begin to look after what changes.

        Raises:
            UnavailableError: the database does not answer.
        """
        if not hasattr(self, "stores"):
            self.stores = await self._postgres()
        await self.tend()
        self._task = asyncio.create_task(self._keep_tending())

    async def stop(self) -> None:
        """Give back what the start took."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._outbound.close()
        if self._pool is not None:
            await self._pool.close()

    async def _noted(self, tenant: int, noted: Noted) -> None:
        await self.note(tenant, noted)

    def verify(self, token: str, proven_key: str | None = None) -> Verified:
        """Return what *token* says and allows; see :meth:`Verifier.verify`.

        Raises:
            InvalidTokenError: it is not good here and now.
        """
        return self._verifier.verify(token, proven_key)

    async def verify_proven(self, token: str, shown: Shown) -> Verified:
        """Return what *token* says that is bound to the key that made the proof shown beside it.

        Raises:
            InvalidTokenError: the token or the proof is not good, or the token is bound to no key.
        """
        # the token first: its own tenant's memory of proofs is asked
        claims = self.read(token).claims
        if claims.confirmation is None:
            raise InvalidTokenError("it is bound to no key; show it as Bearer")
        key = await proven_key(
            shown.proof,
            shown.method,
            self.site.asked(shown.host, shown.path),
            clock=self.clock,
            first_use=self.server(claims.identity.tenant).store.first_use,
            access_token=token,
        )
        return self.verify(token, key)

    def read(self, token: str) -> Verified:
        """Return what *token* says, whoever shows it: never to give access; see :meth:`Verifier.read`.

        Raises:
            InvalidTokenError: it is not good here and now.
        """
        return self._verifier.read(token)

    def server(self, tenant: int = DEFAULT_TENANT) -> Server:
        """Return the authorization server of *tenant*."""
        return self._servers.get(tenant) or self._servers.keep(tenant, self._new_server(tenant))

    def _new_server(self, tenant: int) -> Server:
        self._used.add(tenant)
        addresses = self.site.tenant(tenant)
        return Server(
            addresses.issuer,
            addresses.fhir_base,
            tenant,
            self.stores.for_tenant(tenant),
            self._key_file.keys,
            self._secret,
            clock=self.clock,
            policy_epoch_of=self._generations.get,
            revocations=self._revocations,
            fetch_keys=self._key_sets,
            statement_keys=self._statement_keys,
            note=self._noted,
        )

    async def policies(self, tenant: int = DEFAULT_TENANT, generation: int = 0) -> Policies:
        """Return the roles and rules of *tenant*, of *generation* (a token's ``di.pol``) or newer.

        Raises:
            UnavailableError: the database does not answer.
        """
        known = self._policies.get(tenant)
        if known is None or known.generation < max(generation, self._generations.get(tenant, 0)):
            known = await self._read_policies(tenant)
        return known

    async def tend(self) -> None:
        """Take note of what was revoked, and whose roles and rules changed: one question for all tenants.

        Raises:
            UnavailableError: the database does not answer.
        """
        changes = await self.stores.changes(self.clock())
        self._revocations.add(changes.revoked)
        for tenant, generation in changes.generations.items():
            self._generations[tenant] = max(generation, self._generations.get(tenant, 0))

    async def tidy(self) -> None:
        """Remove what has expired of tenants that were asked for, and rotate the keys where it is time.

        Raises:
            UnavailableError: the database does not answer.
        """
        used, self._used = self._used, {DEFAULT_TENANT}
        for tenant in used:
            await self.stores.for_tenant(tenant).tidy(self.clock())
        if self._key_file.refresh():
            self._verifier.forget()

    async def _keep_tending(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(_EVERY)
            rounds += 1
            try:
                await self.tend()
                if rounds % _TIDY_EVERY == 0:
                    await self.tidy()
            except (UnavailableError, OperatorError, OAuthError) as error:
                _log.warning("access: what changed elsewhere could not be read (%s); trying again", error)

    async def _read_policies(self, tenant: int) -> Policies:
        server = self.server(tenant)
        # Asked for first: what changes meanwhile has a higher number, and is read again.
        generation = await server.store.generation()
        found = Policies(await server.store.roles(), await server.store.rules(), generation)
        self._generations[tenant] = generation
        return self._policies.keep(tenant, found)

    def _find_key(self, kid: str) -> VerificationKey | None:
        return self._owner if kid == self._owner.kid else self._key_file.keys.find(kid)

    def _expected(self, issuer: str) -> Expected | None:
        tenant = self.site.tenant_of(issuer)
        if tenant is None:
            return None
        addresses = self.site.tenant(tenant)
        return Expected(addresses.issuer, addresses.fhir_base, tenant) if issuer == addresses.issuer else None

    async def _postgres(self) -> AccessStores:
        from stanforis.storage.pool import Pool, PoolOptions  # noqa: PLC0415 - tests on memory need no driver
        from stanforis.tenancy.contexts import open_contexts  # noqa: PLC0415 - the same

        from identity.access.store.postgres import PostgresAccessStores  # noqa: PLC0415 - the same

        settings = self._settings
        options = PoolOptions(
            settings.database_app_url or settings.database_url,
            size=CONNECTIONS,
            acquire_seconds=settings.database_wait,
            statement_milliseconds=settings.statement_timeout * 1000,
            shared_sessions=settings.database_sessions_shared,
        )
        contexts = await open_contexts(settings.database_url, shared_sessions=settings.database_sessions_shared)
        self._pool = Pool(options)
        return PostgresAccessStores(self._pool, contexts)
