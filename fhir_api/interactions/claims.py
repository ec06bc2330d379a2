"""The profiles a resource declares in ``meta.profile``, honoured on every write by the tenant's policy.

``off`` takes them as words; ``warn`` stores the resource and tells what does not fit; ``enforce`` refuses what does not
fit, and what declares a profile that is not known: a claim that cannot be checked is not taken on trust.

Spec: https://hl7.org/fhir/R4/profiling.html#resources
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from fhir_api.interactions.consulting import Consultation
from fhir_api.interactions.library import TenantLibrary
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.terminology import Terminology
from fhir_api.validation.profiles import Profiles, Resolver, within_bundle

POLICIES = ("off", "warn", "enforce")
_FAULTS = frozenset({"error", "fatal"})
_UNKNOWN = "profile-unknown"


class Count(Protocol):
    """Counts checks of declared profiles."""

    def __call__(self, outcome: str) -> None:
        """Count one: ``conforms | warned | refused``."""


@dataclass(frozen=True, slots=True)
class Claims:
    """How declared profiles are checked.

    Attributes:
        count: told the outcome of each check.
    """

    count: Count

    async def check(self, resource: Resource, consultation: Consultation) -> tuple[Issue, ...]:
        """Return what the client is told about the profiles that *resource* declares.

        Raises:
            FhirError: UNPROCESSABLE, under ``enforce``.
        """
        declared = tuple(claims(resource.tree))
        if not declared or (policy := await consultation.policy()) == "off":
            return ()
        issues = await consultation.settle(lambda library: self._issues(library, declared))
        refused = policy == "enforce" and any(issue.severity in _FAULTS for issue in issues)
        self.count("refused" if refused else "warned" if issues else "conforms")
        if refused:
            raise FhirError(ErrorKind.UNPROCESSABLE, *issues)
        # "error" would say that the write failed
        return tuple(replace(issue, severity="warning") if issue.severity in _FAULTS else issue for issue in issues)

    @staticmethod
    def _issues(library: TenantLibrary, declared: Sequence[Claim]) -> list[Issue]:
        profiles = library.made(tenant_profiles)
        issues: list[Issue] = []
        for claim in declared:
            if profiles.knows(claim.canonical):
                found = profiles.issues(
                    claim.tree, claim.canonical, path=claim.inside or None, root=claim.root, resolver=claim.resolver
                )
                issues += [_unchecked(issue, claim) for issue in found]
            else:
                issues.append(_unknown(claim))
        return issues


def tenant_profiles(library: TenantLibrary) -> Profiles:
    """Return the profiles of a tenant's library; ask for them by ``library.made(tenant_profiles)``."""
    return Profiles(library, library.made(Terminology))


class Claim(NamedTuple):
    """A profile that a resource declares.

    Attributes:
        tree: the resource.
        canonical: of the profile.
        inside: where the resource stands when it is contained or an entry of a Bundle; empty for the whole.
        number: of the profile among those declared.
        root: the resource that contains it; None where none does.
        resolver: finds other entries of the Bundle that it is an entry of; None where it is none.
    """

    tree: dict[str, Any]
    canonical: str
    inside: str
    number: int
    root: dict[str, Any] | None
    resolver: Resolver | None = None

    @property
    def place(self) -> str:
        """The FHIRPath place of the declaration."""
        return f"{self.inside or self.tree['resourceType']}.meta.profile[{self.number}]"


def declares(tree: Mapping[str, Any]) -> bool:
    """Tell whether :func:`claims` may yield anything: most resources declare nothing, and pay no more than this."""
    meta = tree.get("meta")
    return (meta is not None and "profile" in meta) or "contained" in tree or tree["resourceType"] == "Bundle"


def claims(
    tree: dict[str, Any], inside: str = "", root: dict[str, Any] | None = None, resolver: Resolver | None = None
) -> Iterator[Claim]:
    """Yield the profiles that a resource declares, and those of what it contains or has as entries of a Bundle."""
    meta = tree.get("meta")
    if meta and "profile" in meta:
        for number, canonical in enumerate(meta["profile"]):
            if canonical is not None:
                yield Claim(tree, canonical, inside, number, root, resolver)
    place = inside or tree["resourceType"]
    for number, contained in enumerate(tree.get("contained", ())):
        yield from claims(contained, f"{place}.contained[{number}]", tree, resolver)
    if tree["resourceType"] == "Bundle":
        resolver = within_bundle(tree, resolver)
        for number, entry in enumerate(tree.get("entry", ())):
            if "resource" in entry:
                yield from claims(entry["resource"], f"{place}.entry[{number}].resource", resolver=resolver)


def _unchecked(issue: Issue, claim: Claim) -> Issue:
    """Return *issue*, as an error if it says that the whole resource was not checked: the profile's base is missing."""
    if _UNKNOWN in issue.details and issue.expressions == (claim.inside or claim.tree["resourceType"],):
        return replace(issue, severity="error", expressions=(claim.place,))
    return issue


def _unknown(claim: Claim) -> Issue:
    text = (
        f"The profile '{claim.canonical[:200]}' is not known here: add its package, or the StructureDefinition itself."
    )
    return Issue("error", "not-found", text, (claim.place,), (_UNKNOWN,))
