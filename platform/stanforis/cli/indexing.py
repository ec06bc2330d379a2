"""What ``stanforis db reindex`` does for some resource types or search parameters, whether a server runs or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fhir_api.interactions.reindexing import begin
from fhir_api.model.errors import FhirError
from fhir_api.model.versions import instant
from fhir_api.store.parameters import Job
from fhir_api.store.port import TenantStore
from stanforis.cli import databases
from stanforis.cli.packaging import opened
from stanforis.errors import OperatorError
from stanforis.settings import Settings

_HOLDER = "stanforis db"
_WHOLE_TIME = 1.0
_PATIENCE = 0.2


class NothingToIndexError(OperatorError):
    """What was named is not here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be indexed anew.

    Attributes:
        types: resource types.
        parameter: canonical or, beside a type, code of a search parameter.
    """

    types: tuple[str, ...]
    parameter: str | None

    @property
    def url(self) -> str | None:
        """The parameter, if it is a canonical."""
        return self.parameter if self.parameter is not None and ":" in self.parameter else None

    @property
    def code(self) -> str | None:
        """The parameter, if it is a code."""
        return self.parameter if self.url is None else None


def reindex(settings: Settings, asked: Asked, *, tenant: str, as_json: bool) -> None:
    """Make the entries of a tenant anew that are *asked* for, and tell what was done on standard output.

    Raises:
        NothingToIndexError: there is no such type or parameter.
        UnknownTenantError: there is no such tenant.
    """

    async def run(settings: Settings) -> Job:
        async with opened(settings) as installation:
            (name,) = installation.named(tenant)
            context = installation.context(name)
            try:
                number = await begin(context, asked.types, url=asked.url, code=asked.code)
            except FhirError as error:
                raise NothingToIndexError(error.issues[0].diagnostics) from None
            return await _done(context.store, number, as_json=as_json)

    with databases.reached(settings, _HOLDER) as database:
        job = asyncio.run(run(database.settings))
    if as_json:
        Console(highlight=False, soft_wrap=True).out(orjson.dumps(_row(job)).decode(), highlight=False)
    else:
        Console(highlight=False).print(f"{job.done:,} resources were indexed: {job.title}.")


async def _done(store: TenantStore, number: int, *, as_json: bool) -> Job:
    """Work on the tenant's jobs until one of them is finished, and return it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as shown:
        task = shown.add_task("indexing", total=None)
        while True:
            (job,) = await store.reindex_jobs(number)
            shown.update(task, total=job.total, completed=job.done)
            if job.finished is not None:
                return job
            # a server that runs beside this works on the same job
            await asyncio.sleep(min(await store.look_after(_WHOLE_TIME) or 0.0, _PATIENCE))


def _row(job: Job) -> dict[str, Any]:
    return {
        "job": job.number,
        "kind": job.kind,
        "about": job.title,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "created": instant(job.created),
        "finished": None if job.finished is None else instant(job.finished),
    }
