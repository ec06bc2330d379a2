"""Validation: the quick question of every write, and all that ``$validate`` tells.

On a write a quick verdict is given first; only where it is "no" is the resource walked again to name the places.
``$validate`` walks in any case, and asks for profiles and the rules that the definitions leave to the text, too.

Spec: https://hl7.org/fhir/R4/validation.html, https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.packages.core import core_library
from fhir_api.terminology import Terminology
from fhir_api.validation import rules
from fhir_api.validation.codes import UNASKED, Codes
from fhir_api.validation.explanation import ERRORS, MAX_ISSUES, explain
from fhir_api.validation.primitives import Json
from fhir_api.validation.profiles import Profiles, Resolver
from fhir_api.validation.rules import Exists, Options
from fhir_api.validation.verdict import Verdict

_UNEXPLAINED = Issue("error", "structure", "The resource breaks a rule of its definition.")
_EVERYTHING = frozenset({"error", "warning"})
_SEVERITIES = ("fatal", "error", "warning", "information")
_USUAL = Options()


class Validator:
    """Checks resources against the definitions of their types, and against profiles.

    Types are made ready at first use, and shapes and values that were good are remembered: keep one for as long as
    the definitions stay the same. It may be used by several threads.

    Args:
        profiles: the profiles, with the library and the terminology they use; without them, codes that the structure
            does not list are not checked, and :meth:`validate` tells nothing but the base definitions.
        with_invariants: whether invariants are asked on writes.
    """

    def __init__(self, profiles: Profiles | None = None, *, with_invariants: bool = True) -> None:
        self._profiles = profiles
        self._terminology = None if profiles is None else profiles.terminology
        self._verdict = Verdict(with_invariants=with_invariants, terminology=self._terminology)
        self._told = ERRORS if with_invariants else frozenset[str]()

    def check(self, resource: Resource, *, in_bundle: bool = False) -> tuple[Issue, ...]:
        """Return why a resource is refused, at most 100 issues; nothing if it is sound.

        Args:
            resource: the resource with all it holds: contained ones, and those of a Bundle's entries.
            in_bundle: whether it is an entry of a transaction or batch, which may hold conditional references.

        Raises:
            NotAtHandError: a definition has to be fetched first; never with the core library.
        """
        if self._verdict.is_sound(resource.tree, in_bundle=in_bundle):
            return self._refusals(resource) if resource.resource_type in rules.ON_WRITE else ()
        codes = UNASKED if self._terminology is None else Codes(self._terminology)
        explained = explain(resource.tree, in_bundle=in_bundle, severities=self._told, codes=codes)
        # Refused in any case: a verdict that cannot be explained is still no.
        return explained.issues or (_UNEXPLAINED,)

    def _refusals(self, resource: Resource) -> tuple[Issue, ...]:
        """Return what the rules have against a sound resource of a type that others rely on."""
        known = self._profiles
        if known is None or known.terminology is None or not self._told:
            return ()
        return rules.refusals(resource.tree, library=known.library, terminology=known.terminology)

    def validate(
        self,
        tree: Json,
        profiles: Sequence[str] = (),
        *,
        in_bundle: bool = False,
        exists: Exists | None = None,
        resolver: Resolver | None = None,
        options: Options = _USUAL,
    ) -> tuple[Issue, ...]:
        """Return all that can be said about a resource, at most 100 issues, errors first where there are more.

        What rests on the structure (profiles, rules) is asked only where that is sound.

        Args:
            tree: the resource, parsed JSON.
            profiles: canonicals it has to conform to, besides those that it declares.
            in_bundle: whether it is an entry of a transaction or batch.
            exists: tells whether a resource is stored here; None leaves open whether references lead to anything.
            resolver: gives the resource that a reference leads to, or None, so that profiles can be asked of it; what
                is contained or in the same Bundle is found without.
            options: what the caller chose.

        Raises:
            NotAtHandError: a definition has to be fetched first; asked again after that, it goes on.
        """
        codes = UNASKED if self._terminology is None else Codes(self._terminology, only_errors=False)
        explained = explain(tree, in_bundle=in_bundle, severities=_EVERYTHING, codes=codes)
        if explained.has_faults or self._profiles is None:
            return _limited(explained.issues)
        return _limited(
            (
                *explained.issues,
                *_of_rules(tree, self._profiles, exists, options),
                *_of_profiles(tree, self._profiles, profiles, resolver, options),
            )
        )


def base_validator(*, with_invariants: bool = True) -> Validator:
    """Return a validator that knows R4 itself."""
    core = core_library()
    return Validator(Profiles(core, Terminology(core)), with_invariants=with_invariants)


def _of_rules(tree: Json, known: Profiles, exists: Exists | None, options: Options) -> Iterator[Issue]:
    terminology = known.terminology or Terminology(known.library)
    return rules.issues(tree, library=known.library, terminology=terminology, exists=exists, options=options)


def _of_profiles(
    tree: Json, known: Profiles, asked: Sequence[str], resolver: Resolver | None, options: Options
) -> Iterator[Issue]:
    # what was found out about a target is remembered by its identity
    resolver = None if resolver is None else cache(resolver)
    yield from known.extension_issues(tree, resolver=resolver, is_strict=options.requires_extensions)
    yield from known.declared_issues(tree, resolver=resolver, with_implied=True)
    for canonical in asked:
        yield from known.issues(tree, canonical, resolver=resolver)


def _limited(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Return the issues without repetitions, the worst first where some have to be left out."""
    told = list(dict.fromkeys(issues))
    if len(told) <= MAX_ISSUES:
        return tuple(told)
    told.sort(key=lambda issue: _SEVERITIES.index(issue.severity))
    left_out = f"There are {len(told) - MAX_ISSUES + 1} more issues."
    return (*told[: MAX_ISSUES - 1], Issue("information", "incomplete", left_out, (), ("issues-left-out",)))
