"""``$reindex`` and ``$reindex-status``: index entries made anew, and how far that is.

R4 has no such operations; servers that do call them so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from conformance.operations import OperationDefinition, OperationParameter
from fhir_api.interactions.context import Context
from fhir_api.interactions.reindexing import begin
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.versions import instant
from fhir_api.operations.operation import ANY_TYPE, Answer, Call, Level, Operation
from fhir_api.store.parameters import Job, OwnParameter

_ACCEPTED: Final = 202
_CANONICAL: Final = "https://fhir.stanforis.example/OperationDefinition/"

Part = dict[str, Any]


async def reindex(context: Context, call: Call) -> Answer:
    """Answer ``$reindex``: of an instance with how many entries it has, else with the number of the job that was begun.

    Raises:
        FhirError: MALFORMED when nothing is named; NOT_FOUND for what is not here.
    """
    if call.level is Level.INSTANCE:
        entries = await context.store.reindex(call.key)
        if not entries and await context.store.current(call.key) is None:
            raise refuse(ErrorKind.NOT_FOUND, f"{call.key} is not known.")
        return Answer(_parameters([{"name": "entries", "valueInteger": entries}]))
    arguments = call.arguments
    types = [call.resource_type] if call.level is Level.TYPE else [each.value for each in arguments.all("type")]
    job = await begin(context, types, url=arguments.value("url"), code=arguments.value("code"))
    return Answer(_parameters([{"name": "job", "valueInteger": job}]), _ACCEPTED)


async def status(context: Context, call: Call) -> Answer:
    """Answer ``$reindex-status``: the jobs, or the one that is named, and the tenant's own search parameters.

    Raises:
        FhirError: NOT_FOUND for a number that no job has.
    """
    number = call.arguments.value("job")
    jobs = await context.store.reindex_jobs(number)
    if number is not None and not jobs:
        raise refuse(ErrorKind.NOT_FOUND, "There is no job of that number.")
    own = (await context.store.own_parameters()).parameters if number is None else ()
    return Answer(_parameters([*map(_job, jobs), *map(_own, own)]))


def _job(job: Job) -> Part:
    parts = [
        {"name": "job", "valueInteger": job.number},
        {"name": "kind", "valueCode": job.kind},
        {"name": "about", "valueString": job.title},
        {"name": "state", "valueCode": job.state},
        {"name": "done", "valueInteger": job.done},
        {"name": "total", "valueInteger": job.total},
        {"name": "created", "valueInstant": instant(job.created)},
    ]
    if job.finished is not None:
        parts.append({"name": "finished", "valueInstant": instant(job.finished)})
    return {"name": "reindex", "part": [*parts, *_reason(job.reason)]}


def _own(parameter: OwnParameter) -> Part:
    definition = parameter.definition
    state = parameter.state if parameter.is_current else "changed"
    parts = [
        {"name": "url", "valueUri": definition.url},
        {"name": "code", "valueCode": definition.code},
        *({"name": "base", "valueCode": name} for name in definition.base),
        {"name": "state", "valueCode": state},
    ]
    return {"name": "parameter", "part": [*parts, *_reason(parameter.reason)]}


def _reason(text: str) -> Iterator[Part]:
    if text:
        yield {"name": "reason", "valueString": text}


def _parameters(found: Iterable[Part]) -> bytes:
    # FHIR has no empty arrays
    listed = list(found)
    return orjson.dumps({"resourceType": "Parameters", **({"parameter": listed} if listed else {})})


def _declared(code: str, parameters: tuple[OperationParameter, ...], *, of_system_only: bool) -> OperationDefinition:
    return OperationDefinition(
        code,
        f"{_CANONICAL}{code}",
        system=True,
        type=not of_system_only,
        instance=not of_system_only,
        resource=() if of_system_only else (ANY_TYPE,),
        affects_state=not of_system_only,
        parameters=parameters,
    )


REINDEX: Final = Operation(
    _declared(
        "reindex",
        (
            OperationParameter("url", "in", type="uri"),
            OperationParameter("type", "in", max=None, type="code"),
            OperationParameter("code", "in", type="code"),
        ),
        of_system_only=False,
    ),
    reindex,
    frozenset(Level),
    affects_state=True,
)
STATUS: Final = Operation(
    _declared("reindex-status", (OperationParameter("job", "in", type="integer"),), of_system_only=True),
    status,
    frozenset({Level.SYSTEM}),
)
