"""What the operations on codes share: the tenant's terminology, what they are asked about, their Parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.interactions.preparing import check
from fhir_api.interactions.read import read
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.operations.operation import Answer, Call, Level
from fhir_api.packages.library import Definition
from fhir_api.terminology import Terminology

T = TypeVar("T")
_GIVEN = "given"
"""The id under which a definition that came with the request is found."""


class Coded(NamedTuple):
    """A code to be looked at."""

    system: str | None
    code: str
    version: str | None = None
    display: str | None = None


async def settle(context: Context, check: Callable[[TenantLibrary], T]) -> T:
    """Return what *check* says by the tenant's definitions.

    Raises:
        FhirError: NOT_SUPPORTED where there are none.
    """
    if context.definitions is None:
        raise refuse(ErrorKind.NOT_SUPPORTED, "This server has no terminology.")
    return await context.definitions.consult(context.store).settle(check)


def refuse_others(call: Call, *known: str) -> None:
    """Refuse parameters of the definition that this server does not have.

    Raises:
        FhirError: NOT_SUPPORTED, naming the first.
    """
    for argument in call.arguments:
        if argument.name not in known:
            place = argument.expressions[0] if argument.expressions else None
            diagnostics = f"This server does not support the parameter '{argument.name}' here."
            raise refuse(ErrorKind.NOT_SUPPORTED, diagnostics, expression=place)


async def given_definition(context: Context, call: Call, name: str) -> Definition | None:
    """Return the definition that the call is about: the one at the URL's id, or the one in the parameter *name*.

    Raises:
        FhirError: NOT_FOUND, DELETED; INVALID for a definition that is not sound.
    """
    if call.level is Level.INSTANCE:
        stored: Definition = orjson.loads((await read(context.store, call.key)).body)
        return stored
    argument = call.arguments.one(name)
    if argument is None or argument.resource is None:
        return None
    check(context, argument.resource)
    return argument.resource.tree


def terminology_of(library: TenantLibrary, definition: Definition | None) -> Terminology:
    """Return the tenant's terminology, with *definition* in front if there is one."""
    known = library.made(Terminology)
    return known if definition is None else known.within({"contained": [{**definition, "id": _GIVEN}]})


def canonical_of(call: Call, definition: Definition | None, version: str) -> str:
    """Return the canonical that the call is about; *version* is the parameter with its version.

    Raises:
        FhirError: MALFORMED where the call says nothing.
    """
    if definition is not None:
        return str(definition.get("url") or f"#{_GIVEN}")
    url = call.arguments.value("url")
    if url is None:
        raise refuse(ErrorKind.MALFORMED, "The parameter 'url' is needed here.", code="required")
    wanted = call.arguments.value(version)
    return url if wanted is None else f"{url}|{wanted}"


def coded(call: Call, system: str | None, version: str | None) -> list[Coded]:
    """Return the codes that the call asks about; *system* and *version* are those of the parameter ``code``.

    Raises:
        FhirError: MALFORMED unless it is exactly one of ``code``, ``coding`` and ``codeableConcept``.
    """
    value = call.arguments.value
    code, coding, concept = value("code"), value("coding"), value("codeableConcept")
    if sum(each is not None for each in (code, coding, concept)) != 1:
        raise refuse(ErrorKind.MALFORMED, "Expected one of 'code', 'coding' and 'codeableConcept'.", code="required")
    if code is not None:
        return [Coded(system, code, version, value("display"))]
    codings = [coding] if coding is not None else concept.get("coding", [])
    found = [of_coding(each) for each in codings if "code" in each]
    if not found:
        raise refuse(ErrorKind.MALFORMED, "There is no code to look at.", code="required")
    return found


def of_coding(coding: dict[str, Any]) -> Coded:
    """Return a Coding that has a code."""
    return Coded(coding.get("system"), coding["code"], coding.get("version"), coding.get("display"))


def undecided(message: str | None) -> FhirError:
    """Make the error of a question that cannot be answered for want of definitions."""
    return refuse(ErrorKind.UNPROCESSABLE, message or "It cannot be told.", code="not-found")


def parameters(*parts: tuple[str, str, Any]) -> Answer:
    """Return Parameters of (name, member, value); those whose value is None are left out."""
    given = [{"name": name, member: value} for name, member, value in parts if value is not None]
    return Answer(orjson.dumps({"resourceType": "Parameters", "parameter": given}))
