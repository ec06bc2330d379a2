"""All that can be said about a resource: by R4 itself, by the profiles it declares, and by one that is asked for.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from conformance.types import is_subtype
from fhir_api.interactions.claims import tenant_profiles
from fhir_api.interactions.context import Context
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.operations.targets import Targets
from fhir_api.validation.profiles import Profiles
from fhir_api.validation.rules import Options
from fhir_api.validation.validator import Validator

_LONGEST_SHOWN = 200
_PARTLY = Issue(
    "information", "incomplete", "There are too many references: what some of them lead to was not looked at."
)


async def assess(context: Context, resource: Resource, profile: str | None) -> list[Issue]:
    """Return the issues of *resource*.

    Args:
        context: the request's world.
        resource: to be looked at.
        profile: canonical that it has to conform to beside those that it declares.
    """
    if not context.rules.is_resource_type(resource.resource_type) or context.definitions is None:
        return [*context.rules.check(resource)]
    targets = Targets(context.base_url)
    assessing = context.assessing
    options = Options(
        requires_extensions=assessing.extensions == "error",
        missing_target="error" if assessing.references == "error" else "warning",
    )
    exists = None if assessing.references == "off" else targets.exists

    def issues(library: TenantLibrary) -> list[Issue]:
        refusal = None if profile is None else _unfit(library.made(tenant_profiles), resource, profile)
        asked = () if profile is None or refusal is not None else (profile,)
        found = library.made(_validator).validate(
            resource.tree, asked, exists=exists, resolver=targets.resolve, options=options
        )
        return [*found] if refusal is None else [refusal, *found]

    found = await targets.settle(context.store, context.definitions.consult(context.store), issues)
    return found if targets.is_whole else [*found, _PARTLY]


def _unfit(profiles: Profiles, resource: Resource, profile: str) -> Issue | None:
    """Return why nothing can be said about *resource* by *profile*; None where it can."""
    resource_type, wanted = resource.resource_type, profiles.type_of(profile)
    shown = profile[:_LONGEST_SHOWN]
    if wanted is None:
        diagnostics = f"The profile '{shown}' is not known here, so the resource cannot be validated against it."
        return Issue("error", "not-found", diagnostics, (resource_type,))
    if not is_subtype(resource_type, wanted):
        diagnostics = f"The profile '{shown}' is one of {wanted}, the resource is a {resource_type}."
        return Issue("error", "invalid", diagnostics, (resource_type,))
    return None


def _validator(library: TenantLibrary) -> Validator:
    return Validator(library.made(tenant_profiles))
