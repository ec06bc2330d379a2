"""The search parameters that one tenant defined, as requests see them.

A search that R4's parameters explain is carried out at once. Any other is read with the tenant's parameters as they
are at that moment, which costs one round trip: so a parameter that became live, or was retired, counts in every process
from then on.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.outcome import Issue
from fhir_api.model.resource import Resource
from fhir_api.search.admission import admit
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.tenant import OwnDefinitions, TenantSearchDefinitions
from fhir_api.store.parameters import BUILDING, REFUSED, REMOVING, OwnParameter, OwnParameters
from fhir_api.store.port import Reader

T_co = TypeVar("T_co", covariant=True)
Pairs = Sequence[tuple[str, str]]

_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*|\*")
_LATER = frozenset({"duplicate", "not-found"})
"""Codes of issues that depend on what else is stored, now or later."""


class Understand(Protocol[T_co]):
    """Reads a request by some search parameters."""

    def __call__(self, definitions: SearchDefinitions, *, lenient: bool) -> Awaitable[T_co]:
        """Return what was asked for.

        Raises:
            FhirError: it is not understood.
        """


@dataclass(frozen=True, slots=True)
class View:
    """A tenant's parameters at one moment.

    Attributes:
        own: as registered.
        definitions: R4's, and those of the tenant that are live.
        words: codes of the tenant's parameters, and ``*`` where that stands for one of them, too.
    """

    own: OwnParameters
    definitions: SearchDefinitions
    words: frozenset[str]

    def reason(self, words: Iterable[str]) -> str | None:
        """Return why a search with *words* in it may not have been understood."""
        told = [self._reason(each) for each in self.own.parameters if each.definition.code in words]
        return next((reason for reason in told if reason is not None), None)

    def _reason(self, parameter: OwnParameter) -> str | None:
        code = f"The search parameter '{parameter.definition.code}' of this tenant"
        if parameter.state == REFUSED:
            return f"{code} cannot be used: {parameter.reason}"
        if parameter.state == REMOVING:
            return f"{code} was retired, removed or changed."
        if not parameter.is_current:
            return f"{code} was changed a moment ago and is not indexed yet."
        if parameter.state != BUILDING:
            return None
        job = next((job for job in self.own.jobs if parameter.number in job.parameters), None)
        progress = "" if job is None else f": {job.done} of {job.total} resources are"
        return f"{code} is being indexed{progress}. It can be searched by when all are."


class TenantParameters:
    """One tenant's parameters, as this process saw them last.

    Attributes:
        stirred: set when this process is about to store a SearchParameter.
    """

    def __init__(self, base: SearchDefinitions) -> None:
        """Know nothing yet; *base* are R4's."""
        self._base = base
        self._view = View(OwnParameters(0), base, frozenset())
        self.stirred = asyncio.Event()

    @property
    def last(self) -> View:
        """What was seen last; it may be out of date."""
        return self._view

    async def view(self, reader: Reader) -> View:
        """Return the parameters as they are now."""
        own = await reader.own_parameters()
        if own != self._view.own:
            self._view = _view(own, self._view, self._base)
        return self._view

    async def understood(self, reader: Reader, pairs: Pairs, understand: Understand[T_co], *, lenient: bool) -> T_co:
        """Return what *understand* makes of a request, by R4's parameters or else by the tenant's as well.

        Args:
            reader: reads the tenant's store.
            pairs: the request's parameters.
            understand: reads them.
            lenient: leave out what is not known.

        Raises:
            FhirError: it is not understood; of a parameter that is not live yet, with the reason.
        """
        known = self._view.words
        if not known or known.isdisjoint(_words(pairs)):
            try:
                return await understand(self._base, lenient=False)
            except FhirError as error:
                if not (await self.view(reader)).words:
                    if lenient:
                        return await understand(self._base, lenient=True)
                    # what is told is what is wrong with the request, not that it was looked at again
                    raise error from None
        return await self._understood(await self.view(reader), _words(pairs), understand, lenient=lenient)

    async def _understood(self, view: View, words: set[str], understand: Understand[T_co], *, lenient: bool) -> T_co:
        try:
            return await understand(view.definitions, lenient=lenient)
        except FhirError:
            reason = view.reason(words)
            if reason is None:
                raise
            raise refuse(ErrorKind.NOT_SUPPORTED, reason) from None

    async def check(self, resource: Resource, reader: Reader) -> tuple[Issue, ...]:
        """Return what is to be said about a SearchParameter that is going to be stored.

        What depends on other definitions may be put right by them: it is a warning. What can never be indexed is not
        stored as if it could.

        Raises:
            FhirError: UNPROCESSABLE, naming the element.
        """
        self.stirred.set()
        view = await self.view(reader)
        others = [each.definition for each in view.own.parameters if each.state not in (REFUSED, REMOVING)]
        admission = admit(resource.tree, self._base, others)
        issues = tuple(_told(issue) for issue in admission.issues)
        if any(issue.severity == "error" for issue in issues):
            raise FhirError(ErrorKind.UNPROCESSABLE, *issues)
        return issues


def _view(own: OwnParameters, before: View, base: SearchDefinitions) -> View:
    live = [each.own for each in own.parameters if each.is_live]
    if live == [each.own for each in before.own.parameters if each.is_live]:
        # what is compiled stays as long as it is the same
        return replace(before, own=own, words=_codes(own))
    if not live:
        return View(own, base, _codes(own))
    return View(own, TenantSearchDefinitions(base, OwnDefinitions(base, live)), _codes(own))


def _codes(own: OwnParameters) -> frozenset[str]:
    codes = {each.definition.code for each in own.parameters}
    return frozenset(codes | ({"*"} if any(each.definition.type == "reference" for each in own.parameters) else set()))


def _words(pairs: Pairs) -> set[str]:
    """Return the words among which the codes of parameters are."""
    return {
        word
        for name, value in pairs
        for text in ((name, value) if name.startswith("_") else (name,))
        for word in _WORDS.findall(text)
    }


def _told(issue: Issue) -> Issue:
    return replace(issue, severity="warning") if issue.severity == "error" and issue.code in _LATER else issue
