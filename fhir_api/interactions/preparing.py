"""From a resource as it arrived to the write that stores it: checked, with its own references relative, indexed."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson

from fhir_api.interactions.claims import declares
from fhir_api.interactions.consulting import Consultation
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, invalid, refuse
from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource, body
from fhir_api.model.versions import Change
from fhir_api.store.port import Expect, Reader, Write


async def prepare(
    context: Context,
    resource: Resource,
    key: ResourceKey,
    change: Change,
    *,
    expected: int | Expect = Expect.ANYTHING,
    consultation: Consultation | None = None,
) -> Write:
    """Return the write that makes *resource* the current version of *key*.

    An update with bytes that are stored already makes no new version.

    Args:
        context: the request's world.
        resource: the new content.
        key: where it is stored.
        change: create, update or patch.
        expected: what must be current.
        consultation: the view of the tenant's definitions that other resources of the request share.

    Raises:
        FhirError: INVALID with every fault of the structure; UNPROCESSABLE for a declared profile, by policy.
    """
    resource = relative(resource, context.base_url)
    check(context, resource)
    remarks = await remarked(context, resource, consultation)
    if resource.resource_type == "SearchParameter" and context.parameters is not None and context.check_structure:
        reader = context.store if consultation is None else consultation.reader
        remarks += await context.parameters.check(resource, reader)
    return Write(
        key,
        change,
        body(resource, key),
        context.rules.extract(resource),
        expected,
        skip_unchanged=change is not Change.CREATE,
        remarks=remarks,
    )


async def remarked(context: Context, resource: Resource, consultation: Consultation | None = None) -> tuple[Issue, ...]:
    """Return what the client is told about the profiles that a resource, sound in itself, declares.

    Raises:
        FhirError: UNPROCESSABLE.
    """
    if context.claims is None or context.definitions is None or not context.check_structure:
        return ()
    if not declares(resource.tree):
        return ()
    return await context.claims.check(resource, consultation or context.definitions.consult(context.store))


def consult(context: Context, reader: Reader) -> Consultation | None:
    """Return a view of the tenant's definitions by *reader*: a transaction must not wait for another connection."""
    return None if context.definitions is None else context.definitions.consult(reader)


def check(context: Context, resource: Resource) -> None:
    """Refuse a resource whose structure is not sound.

    Raises:
        FhirError: INVALID.
    """
    if context.check_structure and (issues := context.rules.check(resource)):
        raise invalid(issues)


def relative(resource: Resource, base_url: str) -> Resource:
    """Return *resource* with references to this server's own base in their relative form.

    So they stay right when the server gets another address, and are found by either form.
    """
    base = f'"reference":"{base_url}/'.encode()
    if base not in resource.text:
        return resource
    text = re.sub(re.escape(base) + rb"(?=[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}[\"/])", b'"reference":"', resource.text)
    return replace(resource, text=text, tree=orjson.loads(text))


def expect_type(resource: Resource, resource_type: str) -> None:
    """Refuse a resource of another type than the URL names.

    Raises:
        FhirError: MALFORMED.
    """
    if resource.resource_type != resource_type:
        raise refuse(
            ErrorKind.MALFORMED,
            f"The URL says {resource_type}, the resource is a {resource.resource_type}.",
            code="invalid",
            expression="resourceType",
        )


def expect_id(resource: Resource, logical_id: str) -> None:
    """Refuse a resource whose id is not the one in the URL.

    Raises:
        FhirError: MALFORMED.
    """
    if resource.tree.get("id") != logical_id:
        found = "no id" if "id" not in resource.tree else "another one"
        raise refuse(
            ErrorKind.MALFORMED,
            f"The URL says id '{logical_id}', the resource has {found}.",
            code="invalid",
            expression=f"{resource.resource_type}.id",
        )
