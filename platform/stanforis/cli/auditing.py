"""What ``stanforis audit`` does: on the database itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fhir_api.store.postgres.administration import administering
from stanforis.audit import Record, Trail
from stanforis.audit.batches import audit_key
from stanforis.audit.looking import Asked, Found, look_up
from stanforis.audit.postgres import PostgresAuditStore
from stanforis.audit.sealing import WITNESS, FileWitness
from stanforis.audit.terms import Kind, Said, said_by
from stanforis.audit.verifying import Verdict
from stanforis.audit.verifying import verify as verified
from stanforis.cli import databases
from stanforis.errors import OperatorError
from stanforis.settings import Settings
from stanforis.storage.pool import Pool, PoolOptions
from stanforis.storage.secrets import installation_secret
from stanforis.tenancy.contexts import open_contexts

_HOLDER = "stanforis audit"
_ROLE = "stanforis_app"
_MOST_WRITES = 1000
COUNTING = (SpinnerColumn(), TextColumn("{task.completed:,} batches {task.description}"), TimeElapsedColumn())
"""How many were done so far; how many there are is not known before."""


class AuditCommandError(OperatorError):
    """What was asked of the audit trail is not there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The trails of an installation, as the server's role sees them.

    Attributes:
        store: keeps them.
        tenants: numbers by name.
    """

    store: PostgresAuditStore
    tenants: dict[str, int]

    def named(self, tenant: str | None) -> dict[str, int]:
        """Return the tenant of that name, or all of them for None."""
        if tenant is None:
            return self.tenants
        if tenant not in self.tenants:
            raise AuditCommandError(f"There is no tenant '{tenant}'; there are: {', '.join(self.tenants)}.")
        return {tenant: self.tenants[tenant]}


def verify(settings: Settings, *, tenant: str | None, as_json: bool) -> bool:
    """Verify the trail of a tenant (None: of all), tell what was found, and return whether it is sound.

    Raises:
        AuditCommandError: there is no such tenant.
    """
    key = audit_key_of(settings)
    witness = FileWitness(settings.data / WITNESS)

    async def run(settings: Settings) -> dict[str, Verdict]:
        with Progress(*COUNTING, console=Console(stderr=True), disable=as_json) as shown:
            task = shown.add_task("verified", total=None)
            async with opened(settings) as found:
                return {
                    name: await verified(found.store, key, number, witness, lambda count: shown.advance(task, count))
                    for name, number in found.named(tenant).items()
                }

    with databases.reached(settings, _HOLDER) as database:
        verdicts = asyncio.run(run(database.settings))
    _tell_verdicts(verdicts, as_json=as_json)
    return all(verdict.is_sound for verdict in verdicts.values())


def who(settings: Settings, resource: str, *, tenant: str, count: int, as_json: bool) -> None:
    """Tell who touched a resource, the newest access first.

    Raises:
        AuditCommandError: there is no such tenant, or *resource* names none.
    """
    resource_type, slash, logical_id = resource.partition("/")
    is_named = bool(slash and resource_type and logical_id) or resource.startswith("urn:")
    if not is_named:
        raise AuditCommandError(f"'{resource}' is not a resource: expected is Type/id, such as Patient/1, or a URN.")

    async def run(settings: Settings) -> Sequence[Found]:
        async with opened(settings) as found:
            (number,) = found.named(tenant).values()
            asked = _of_patient(logical_id)
            if resource_type != "Patient":
                asked = await _of_resource(found.store, number, resource)
            return (await look_up(found.store, number, asked, count)).found

    with databases.reached(settings, _HOLDER) as database:
        accesses = asyncio.run(run(database.settings))
    console = Console(highlight=False, soft_wrap=True)
    for found in accesses:
        console.out(told(found) if as_json else _line(found), highlight=False)
    if not accesses:
        Console(stderr=True, highlight=False).print(f"Of tenant {tenant} nobody's access to {resource} is on record.")


async def put_on_record(settings: Settings, tenant: int, record: Record) -> None:
    """Store what was done on the command line, in the database that *settings* reach; nothing where the trail is off.

    Raises:
        AuditStoreError: the database does not answer.
    """
    async with opened(settings) as found:
        trail = Trail(found.store, audit_key_of(settings), keeps=settings.audit != "off")
        await trail.for_tenant(tenant).store(record)


def audit_key_of(settings: Settings) -> bytes:
    """Return the key that authenticates the trail of an installation."""
    return audit_key((settings.secret or installation_secret(settings.data)).encode())


def _of_patient(logical_id: str) -> Asked:
    said: Said = (Kind.PATIENT, logical_id)
    return Asked([said], fits=lambda found: said in said_by(found.record))


async def _of_resource(store: PostgresAuditStore, tenant: int, key: str) -> Asked:
    """Return what asks for accesses to a resource: by itself, and by the patients whose it was when it was written."""
    itself: Said = (Kind.ENTITY, key)
    written = await look_up(store, tenant, Asked([itself]), _MOST_WRITES)
    patients = {patient for found in written.found if found.record.touches(key) for patient in found.record.patients}
    said = [itself, *((Kind.PATIENT, patient) for patient in patients)]
    return Asked(said, fits=lambda found: found.record.touches(key))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    """Give the trails of the database that *settings* reach."""
    shared = settings.database_sessions_shared
    options = PoolOptions(
        settings.database_app_url, size=2, statement_milliseconds=0, role=_ROLE, shared_sessions=shared
    )
    pool = Pool(options)
    try:
        contexts = await open_contexts(settings.database_url, shared_sessions=shared)
        async with administering(settings.database_url) as administration:
            tenants = await administration.tenants()
        yield Opened(PostgresAuditStore(pool, contexts), tenants)
    finally:
        await pool.close()


def _tell_verdicts(verdicts: Mapping[str, Verdict], *, as_json: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for name, verdict in verdicts.items():
        if as_json:
            console.out(orjson.dumps({"name": name, **asdict(verdict)}).decode(), highlight=False)
            continue
        console.print(
            f"tenant {name} ({verdict.tenant}): {verdict.events:,} records in {verdict.batches:,} batches under "
            f"{verdict.seals:,} seals, {verdict.unsealed:,} batches not sealed yet: "
            + ("sound" if verdict.is_sound else "NOT SOUND")
        )
        for problem in verdict.problems:
            console.out(f"  {problem}", highlight=False)


def told(found: Found) -> str:
    """Return what is told of a record, as JSON."""
    return orjson.dumps({"id": str(found.place), **_facts(found)}).decode()


def _line(found: Found) -> str:
    facts = _facts(found)
    return "  ".join(str(value) for name, value in facts.items() if name != "request" and value)


def _facts(found: Found) -> dict[str, str | int]:
    record = found.record
    at = datetime.fromtimestamp(record.at / 1000, UTC)
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "interaction": record.interaction,
        "status": record.status,
        "user": record.who.user or record.who.subject or "(nobody known)",
        "client": record.who.client,
        "recipient": record.recipient,
        "search": record.search,
        "emergency": record.emergency,
        "request": record.request,
    }
