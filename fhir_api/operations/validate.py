"""``$validate``: would this resource do, as it is, as a create, as an update; would a delete be carried out?

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_api.interactions.context import Context
from fhir_api.interactions.read import read
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource, parse_compact
from fhir_api.model.versions import StoredVersion
from fhir_api.operations.assessment import assess
from fhir_api.operations.operation import Call, Findings, Level

MODES = ("create", "update", "delete", "profile")
"""Codes of http://hl7.org/fhir/resource-validation-mode."""
_OF_INSTANCE = ("update", "delete")
_SOUND = Issue("information", "informational", "No issues were found.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        mode: one of ``MODES``; None for the content alone.
        profile: canonical of a profile beside those that the resource declares.
        resource: the content; None where there is none.
        place: where it stands in the body; empty where it is the body, or what is stored.
    """

    mode: str | None
    profile: str | None
    resource: Resource | None
    place: str


async def validate(context: Context, call: Call) -> Findings:
    """Answer ``$validate``: the issues found, or that there are none.

    Without a resource, what is stored under the URL's id is looked at.

    Raises:
        FhirError: MALFORMED for parameters that do not go together; NOT_FOUND, DELETED where nothing is stored.
    """
    asked = _asked(call)
    current = await context.store.current(call.key) if call.level is Level.INSTANCE else None
    issues: list[Issue] = []
    if asked.mode == "delete":
        issues += _of_delete(call, current)
    else:
        resource = asked.resource
        if resource is None:
            resource = parse_compact((await read(context.store, call.key)).resource())
        issues += _of_url(call, asked, resource)
        issues += await assess(context, resource, asked.profile)
        if asked.mode == "update":
            issues += _of_update(call, resource, current)
    return Findings(tuple(issues) or (_SOUND,), asked.place)


def _asked(call: Call) -> Asked:
    mode, profile = call.arguments.value("mode"), call.arguments.value("profile")
    content = call.arguments.one("resource")
    if mode is not None and mode not in MODES:
        raise refuse(ErrorKind.MALFORMED, f"'mode' is one of {', '.join(MODES)}.", code="value")
    if mode in _OF_INSTANCE and call.level is not Level.INSTANCE:
        raise refuse(ErrorKind.MALFORMED, f"The mode '{mode}' needs an id in the URL.", code="required")
    if mode == "profile" and profile is None:
        raise refuse(ErrorKind.MALFORMED, "The mode 'profile' needs the parameter 'profile'.", code="required")
    is_needed = call.level is not Level.INSTANCE or mode in ("create", "update")
    if content is None and is_needed:
        raise refuse(ErrorKind.MALFORMED, "The parameter 'resource' is missing.", code="required")
    place = "" if content is None or not content.place.startswith("Parameters.") else f"{content.place}.resource"
    return Asked(mode, profile, None if content is None else content.resource, place)


def _of_url(call: Call, asked: Asked, resource: Resource) -> list[Issue]:
    """Return how the resource differs from what the URL says."""
    resource_type = resource.resource_type
    if resource_type != call.resource_type:
        diagnostics = f"The URL says {call.resource_type}, the resource is a {resource_type}."
        return [Issue("error", "invalid", diagnostics, (resource_type,))]
    if asked.mode == "update" and resource.tree.get("id") != call.logical_id:
        found = "no id" if "id" not in resource.tree else "another one"
        diagnostics = f"The URL says id '{call.logical_id}', the resource has {found}."
        return [Issue("error", "invalid", diagnostics, (f"{resource_type}.id",))]
    return []


def _of_update(call: Call, resource: Resource, current: StoredVersion | None) -> list[Issue]:
    """Return what is to be said about the version that an update would replace."""
    if current is None or current.is_deletion:
        state = "is not there" if current is None else "is deleted"
        return [Issue("information", "informational", f"{call.key} {state}: the update would create it.")]
    meta = resource.tree.get("meta")
    version_id = meta.get("versionId") if isinstance(meta, dict) else None
    if version_id in (None, str(current.version_id)):
        return []
    diagnostics = f"The resource is of another version than the current one, {current.version_id}."
    return [Issue("warning", "conflict", diagnostics, (f"{resource.resource_type}.meta.versionId",))]


def _of_delete(call: Call, current: StoredVersion | None) -> list[Issue]:
    """Return what is to be said about a delete; this server refuses none because of what refers to the resource."""
    if current is None:
        return [Issue("information", "not-found", f"{call.key} is not there: there is nothing to delete.")]
    if current.is_deletion:
        return [Issue("information", "deleted", f"{call.key} is deleted already.")]
    return []
