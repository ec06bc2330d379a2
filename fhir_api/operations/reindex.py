"""``$reindex`` and ``$reindex-status``: index entries made anew, and how far that is.

R4 has no such operations; servers that do call them so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from conformance.operations import OperationDefinition, OperationParameter
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.versions import instant
from fhir_api.operations.operation import ANY_TYPE, Answer, Call, Level, Operation
from fhir_api.search.refusals import shown
from fhir_api.store.parameters import BUILDING, LIVE, Job, OwnParameter

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
    job = await _begin(context, call)
    return Answer(_parameters([{"name": "job", "valueInteger": job}]), _ACCEPTED)


async def _begin(context: Context, call: Call) -> int:
    """Begin the job that a call asks for, and return its number."""
    types = [call.resource_type] if call.level is Level.TYPE else [each.value for each in call.arguments.all("type")]
    for name in types:
        if not context.rules.is_resource_type(name):
            raise refuse(ErrorKind.MALFORMED, f"{shown(name)} is not a resource type.", code="value")
    url, code = call.arguments.value("url"), call.arguments.value("code")
    if url is None and code is None:
        if not types:
            raise refuse(ErrorKind.MALFORMED, "$reindex needs 'url', 'type', or 'code' and 'type'.", code="required")
        return await context.store.begin_reindex(types)
    if url is None and not types:
        raise refuse(ErrorKind.MALFORMED, "$reindex needs 'type' beside 'code'.", code="required")
    own = [
        each.number
        for each in (await context.store.own_parameters()).parameters
        if each.state in (BUILDING, LIVE) and _is_meant(each, url, code, types)
    ]
    if own:
        return await context.store.rebuild(own)
    return await context.store.begin_reindex(_types_of(context, url, code, types))


def _is_meant(parameter: OwnParameter, url: str | None, code: str | None, types: list[str]) -> bool:
    definition = parameter.definition
    return (
        url in (None, definition.url)
        and code in (None, definition.code)
        and (not types or not set(types).isdisjoint(definition.base))
    )


def _types_of(context: Context, url: str | None, code: str | None, types: list[str]) -> list[str]:
    """Return the types that have the parameter of R4 that is asked for.

    Raises:
        FhirError: NOT_FOUND.
    """
    found = [
        name
        for name in types or sorted(context.rules.search.resource_types)
        if any(
            url in (None, each.url) and code in (None, each.code)
            for each in context.rules.search.parameters(name).values()
        )
    ]
    if not found:
        raise _unknown(url or code or "")
    return found


def _unknown(name: str) -> FhirError:
    return refuse(ErrorKind.NOT_FOUND, f"There is no search parameter {shown(name)} that is indexed here.")


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
