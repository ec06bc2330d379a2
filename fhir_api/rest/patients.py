"""Patients to choose from, for apps that are not launched out of a record.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#requesting-context-with-scopes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from fhir_api.access.caller import Caller
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import StoredVersion
from fhir_api.rest.token_entrance import TokenEntrance
from identity.access.grants.server import Server
from identity.access.people.patients import PatientChoice
from identity.access.scopes.permissions import compile_scope
from identity.access.store.records import User

_MOST: Final = 20
_SHORTEST: Final = 2


class _Name(msgspec.Struct):
    text: str = ""
    family: str = ""
    given: tuple[str, ...] = ()


class _Patient(msgspec.Struct):
    name: tuple[_Name, ...] = ()
    gender: str = ""
    birthDate: str = ""  # noqa: N815 - an element of FHIR


class StoredPatients:
    """The patients of one tenant, of whom each person finds those they may see."""

    def __init__(self, server: Server, entrance: TokenEntrance) -> None:
        """Look among the patients of *server*'s tenant, as *entrance* shows them."""
        self._server = server
        self._entrance = entrance

    async def find(self, user: User, text: str) -> Sequence[PatientChoice]:
        """Return patients with the name, identifier or id that was typed."""
        typed = text.strip()
        if len(typed) < _SHORTEST or not typed.isprintable():
            return ()
        try:
            context = await self._context(user)
            keys: dict[ResourceKey, None] = {}
            for parameter in ("name", "identifier", "_id"):
                clauses = context.rules.criteria("Patient", f"{parameter}={quote(_escaped(typed))}")
                keys |= dict.fromkeys(await context.store.matching_keys("Patient", clauses, _MOST))
            found = await context.store.currents(list(keys)[:_MOST])
        except FhirError as error:
            if error.kind is ErrorKind.UNAVAILABLE:
                raise
            return ()
        return [_choice(found[key]) for key in keys if key in found]

    async def get(self, user: User, logical_id: str) -> PatientChoice | None:
        """Return the patient if the user may see it."""
        try:
            context = await self._context(user)
            found = await context.store.current(ResourceKey("Patient", logical_id))
        except FhirError as error:
            if error.kind is ErrorKind.UNAVAILABLE:
                raise
            return None
        return None if found is None or found.is_deletion else _choice(found)

    async def _context(self, user: User) -> Context:
        caller = Caller(
            self._server.tenant,
            subject=self._server.hashed_subject(user),
            subject_type=user.subject_type,
            permissions=compile_scope(user.scope, user.patient),
            roles=user.roles,
            fhir_user=user.fhir_user or None,
            organisation=user.organisation,
            facility=user.facility,
        )
        return await self._entrance.context_for(caller)


def _escaped(text: str) -> str:
    """Return *text* as one value of a search parameter (R4 search.html#escaping)."""
    return "".join(f"\\{each}" if each in "\\,|$" else each for each in text)


def _choice(version: StoredVersion) -> PatientChoice:
    patient = msgspec.json.decode(version.resource(), type=_Patient)
    name = patient.name[0] if patient.name else _Name()
    called = name.text or " ".join((*name.given, name.family)).strip()
    told = (called, patient.gender, patient.birthDate, version.key.logical_id)
    return PatientChoice(version.key.logical_id, ", ".join(part for part in told if part))
