"""What ``stanforis access explain`` does: decides as the server would, on the database of the data folder."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from conformance.types import resource_types
from fhir_api.access.access import Access
from fhir_api.access.caller import Caller
from fhir_api.access.decision import Decision, Rulebook
from fhir_api.access.register import Register
from fhir_api.access.tenant_policy import TenantPolicy
from fhir_api.definitions import CompiledDefinitions
from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.opening import open_postgres
from fhir_api.search.query import EVERYTHING, NOTHING
from fhir_api.store.port import TenantStore
from identity.access.errors import InvalidTokenError, OAuthError
from identity.access.hosting.authority import Authority
from identity.access.hosting.owner import CLIENT_ID, ROLE
from identity.access.hosting.running import running_base
from identity.access.scopes.permissions import LETTERS, compile_scope
from stanforis.cli.credentials import LOCAL_BASE
from stanforis.cli.databases import reached
from stanforis.errors import OperatorError
from stanforis.settings import Settings


class QuestionError(OperatorError):
    """What is asked cannot be understood."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to do what.

    Attributes:
        interaction: one of ``LETTERS``.
        what: a resource type, or ``Type/id``.
        tenant: its number.
        token: of whoever wants to; the rest says who it is where there is none.
    """

    interaction: str
    what: str
    tenant: int
    token: str | None = None
    scope: str = ""
    roles: tuple[str, ...] = ()
    subject_type: str = "practitioner"
    patient: str | None = None
    fhir_user: str | None = None
    organisation: str | None = None
    purpose: str | None = None
    emergency: bool = False

    @property
    def resource_type(self) -> str:
        """The type that is asked about."""
        return self.what.partition("/")[0]

    @property
    def key(self) -> ResourceKey | None:
        """The resource that is asked about, if it is one."""
        resource_type, slash, logical_id = self.what.partition("/")
        return ResourceKey(resource_type, logical_id) if slash else None


def explain(settings: Settings, question: Question, *, as_json: bool) -> None:
    """Write on standard output what is decided and why.

    Raises:
        QuestionError: what is asked cannot be understood, or the token is not good.
    """
    check(question)
    base = settings.base_url or running_base(settings.data) or LOCAL_BASE
    with reached(settings, "stanforis") as database:
        told = asyncio.run(explained(replace(database.settings, base_url=base), question))
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show(told)


def check(question: Question) -> None:
    """Check that a question can be answered.

    Raises:
        QuestionError: it cannot; the text says what was expected.
    """
    if question.interaction not in LETTERS:
        raise QuestionError(f"Expected an interaction: {', '.join(LETTERS)}.")
    if question.resource_type not in resource_types():
        raise QuestionError("Expected a resource type of R4, or Type/id.")
    if question.key is not None and not is_logical_id(question.key.logical_id):
        raise QuestionError("Expected an id of letters, digits, '-' and '.' behind the '/'.")


async def explained(settings: Settings, question: Question) -> dict[str, Any]:
    """Return what is decided and why, on the database of *settings*.

    Raises:
        QuestionError: the token is not good, or the scope is not understood.
    """
    definitions = CompiledDefinitions(settings)
    authority = Authority(settings)
    stores = await open_postgres(settings, definitions)
    try:
        await authority.start()
        caller = _caller(authority, question)
        store, tenant = stores.for_tenant(caller.tenant), stores.directory.tenant(caller.tenant)
        zone = definitions.in_zone(None if tenant is None else tenant.time_zone).zone
        in_force = await Register(store, definitions.search).in_force()
        policy = TenantPolicy(await authority.policies(caller.tenant))
        rules = Rulebook(definitions.search, policy, in_force.consents, in_force.labels, zone)
        access = Access(caller, rules)
        decision = access.decide(question.interaction, question.resource_type)
        return _told(caller, question, decision) | await _reached(store, access, question, decision)
    finally:
        await authority.stop()
        await stores.close()


def _caller(authority: Authority, question: Question) -> Caller:
    emergency = "as if" if question.emergency else None
    try:
        if question.token is None:
            return Caller(
                question.tenant,
                subject_type=question.subject_type,
                client_id=CLIENT_ID if ROLE in question.roles else "",
                permissions=compile_scope(question.scope, question.patient),
                roles=question.roles,
                purpose=question.purpose,
                emergency=emergency,
                fhir_user=question.fhir_user,
                organisation=question.organisation,
            )
        verified = authority.read(question.token)
    except InvalidTokenError as error:
        raise QuestionError(f"The token is not good: {error}.") from None
    except OAuthError as error:
        raise QuestionError(f"The scope is not understood: {error.description}.") from None
    return replace(Caller.of(verified), purpose=question.purpose, emergency=emergency)


def _told(caller: Caller, question: Question, decision: Decision) -> dict[str, Any]:
    outcome = {EVERYTHING: "allowed", NOTHING: "refused"}.get(decision.clause, "narrowed")
    return {
        "subject": caller.subject,
        "client": caller.client_id,
        "roles": list(caller.roles),
        "interaction": question.interaction,
        "what": question.what,
        "outcome": outcome,
        "reasons": [reason._asdict() for reason in decision.reasons],
    }


async def _reached(store: TenantStore, access: Access, question: Question, decision: Decision) -> dict[str, Any]:
    """Return whether the resource that is asked about is there, and would be reached."""
    if question.key is None or not decision.is_allowed:
        return {}
    version = await store.current(question.key)
    if version is None or version.is_deletion:
        return {"exists": False}
    return {"exists": True, "reached": access.judge(question.interaction, question.resource_type).fits(version)}


def show(told: dict[str, Any]) -> None:
    """Write what :func:`explained` gave, for people."""
    console = Console()
    console.print(f"{told['interaction']} on {told['what']}: {told['outcome']}")
    if "exists" in told:
        reached_it = "reached" if told.get("reached") else "not reached"
        console.print(f"This resource: {reached_it if told['exists'] else 'not there'}")
    table = Table("part", "effect", "detail")
    for reason in told["reasons"]:
        table.add_row(reason["part"], reason["effect"], reason["detail"])
    console.print(table)
