"""Sealing: every few seconds the batches that came since are sealed, and each seal vouches for the one before.

So whoever changes, removes, adds or reorders a batch breaks a seal, and whoever removes seals leaves the witness: the
newest seal of each tenant, kept outside the database.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from stanforis.audit.batches import Seal, make_seal
from stanforis.audit.port import AuditStore, AuditStoreError, Head

SEAL_SECONDS = 5.0
WITNESS = Path("audit") / "seals.json"
"""Where the witness is, in the data folder."""
_PREPARE_SECONDS = 3600.0

log = logging.getLogger("stanforis.audit")


class Witness(Protocol):
    """Remembers the newest seal of each tenant."""

    def saw(self, tenant: int, seal: Seal) -> None:
        """Remember a seal, unless a newer one is known."""

    def newest(self, tenant: int) -> tuple[int, bytes] | None:
        """Return number and authentication of the newest seal."""


class FileWitness:
    """Remembers in a file of the data folder, which all processes of a host share."""

    def __init__(self, path: Path) -> None:
        """Use the file at *path*; it is made when a seal is seen."""
        self._path = path

    def saw(self, tenant: int, seal: Seal) -> None:
        """See :class:`Witness`."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            if known.get(str(tenant), (0, ""))[0] < seal.number:
                known[str(tenant)] = (seal.number, seal.mac.hex())
                fresh = self._path.with_suffix(f".{os.getpid()}")
                fresh.write_text(json.dumps(known))
                fresh.replace(self._path)

    def newest(self, tenant: int) -> tuple[int, bytes] | None:
        """See :class:`Witness`."""
        found = self._read().get(str(tenant))
        return None if found is None else (found[0], bytes.fromhex(found[1]))

    def _read(self) -> dict[str, tuple[int, str]]:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        return {tenant: (number, mac) for tenant, (number, mac) in json.loads(text).items()}


async def pause(ends: asyncio.Event, seconds: float) -> None:
    """Return after some *seconds*, or as soon as *ends* is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ends.wait()


class Sealer:
    """Seals what this process wrote, and at its start what others left."""

    def __init__(
        self, store: AuditStore, key: bytes, witness: Witness | None = None, *, seconds: float = SEAL_SECONDS
    ) -> None:
        """Seal in *store* every few *seconds*."""
        self._store = store
        self._key = key
        self._witness = witness
        self._seconds = seconds
        self._written: set[int] = set()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, tenant: int) -> None:
        """Note that there is something to seal of a tenant."""
        self._written.add(tenant)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Seal once more, and end."""
        self._stopping.set()
        if self._task is not None:
            await self._task
            self._task = None
            await self._round()

    async def _run(self) -> None:
        prepared = time.monotonic()
        await self._note_all()
        while not self._stopping.is_set():
            await self._round()
            await pause(self._stopping, self._seconds)
            if time.monotonic() - prepared > _PREPARE_SECONDS:
                prepared = time.monotonic()
                await self._note_all()

    async def _note_all(self) -> None:
        """Look after every tenant, and make room for the months to come."""
        try:
            await self._store.prepare()
            self._written.update(await self._store.tenants())
        except AuditStoreError as error:
            log.warning("the audit trail could not be looked after: %s", error)

    async def _round(self) -> None:
        for tenant in [*self._written]:
            self._written.discard(tenant)
            try:
                await self.seal(tenant)
            except AuditStoreError as error:
                self._written.add(tenant)
                log.warning("the audit trail could not be sealed: %s", error)
                return

    async def seal(self, tenant: int) -> Seal | None:
        """Seal what is new of a tenant, and return the seal; None where nothing is, or another process is at it."""

        def make(head: Head) -> Seal:
            return make_seal(self._key, tenant, head.last, time.time_ns() // 1_000_000, head.high, head.batches)

        seal = await self._store.seal(tenant, make)
        if seal is not None and self._witness is not None:
            self._witness.saw(tenant, seal)
        return seal
