"""The search parameters that a tenant defined, as a store keeps them, and the work on their index entries.

A SearchParameter is *registered* after it was stored. From then on every write indexes it; what was stored before is
indexed by a job. When that has looked at everything, the parameter is *live*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from conformance.search_parameters import SearchParameterDefinition
from fhir_api.search.admission import admit
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.tenant import OwnDefinition

BUILDING: Final = "building"
LIVE: Final = "live"
REMOVING: Final = "removing"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class OwnParameter:
    """A SearchParameter of a tenant, registered.

    Attributes:
        number: of the registration.
        source: the number, in the store, of the SearchParameter resource.
        source_version: the version that was registered.
        state: ``building | live | removing | refused``.
        definition: what is indexed; of a refused one, what it calls itself.
        reason: why it is refused.
        is_current: the resource is still as it was registered; otherwise nothing is searched by it any longer.
    """

    number: int
    source: int
    source_version: int
    state: str
    definition: SearchParameterDefinition
    reason: str = ""
    is_current: bool = True

    @property
    def own(self) -> OwnDefinition:
        """The definition with its number."""
        return OwnDefinition(self.number, self.definition)

    @property
    def is_live(self) -> bool:
        """Whether resources can be searched by it."""
        return self.state == LIVE and self.is_current


class Job(NamedTuple):
    """Work on index entries, in the background.

    Attributes:
        number: names it within its tenant.
        kind: ``build`` for new parameters, ``remove`` for those that are gone, ``reindex`` for all rows of resources.
        title: the types and parameters it is about.
        state: ``waiting | running | done | failed``.
        done: resources that were looked at.
        total: resources there are to look at, as counted when it began.
        parameters: numbers of registrations.
        reason: why it failed.
        created: milliseconds since 1970, UTC.
        finished: the same; None while it is open.
    """

    number: int
    kind: str
    title: str
    state: str
    done: int
    total: int
    parameters: tuple[int, ...]
    reason: str
    created: int
    finished: int | None


class OwnParameters(NamedTuple):
    """All registered parameters of a tenant.

    Attributes:
        generation: another number with every change of what writers index.
        parameters: in the order of their numbers.
        jobs: those that are open.
    """

    generation: int
    parameters: tuple[OwnParameter, ...] = ()
    jobs: tuple[Job, ...] = ()

    @property
    def indexed(self) -> list[OwnDefinition]:
        """What writers index."""
        return [each.own for each in self.parameters if each.state in (BUILDING, LIVE)]


class Due(NamedTuple):
    """For which tenants something is due, and which parameters they have.

    Attributes:
        tenants: whose parameters have to be looked at again, or have a job that is open.
        generations: of the parameters of tenants that have any; see :class:`OwnParameters`.
    """

    tenants: frozenset[int]
    generations: Mapping[int, int]


class Source(NamedTuple):
    """A current SearchParameter resource.

    Attributes:
        number: of the resource, in the order in which they were made.
        version_id: its version.
        tree: parsed JSON.
    """

    number: int
    version_id: int
    tree: dict[str, Any]

    @property
    def is_readable(self) -> bool:
        """Whether it has what every SearchParameter has; what was stored unchecked may not."""
        texts = (self.tree.get(name) for name in ("url", "code", "type"))
        return all(isinstance(text, str) for text in texts) and isinstance(self.tree.get("base"), list)


class Registered(NamedTuple):
    """A source that is to be registered, with what it came to."""

    source: Source
    definition: SearchParameterDefinition
    reason: str


@dataclass(slots=True)
class Changes:
    """What has to change in the registry.

    Attributes:
        kept: version of the source by the number of a registration that stays.
        removed: numbers of registrations that end.
        added: new registrations.
    """

    kept: dict[int, int] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)
    added: list[Registered] = field(default_factory=list)


def changes(sources: Iterable[Source], registered: Sequence[OwnParameter], base: SearchDefinitions) -> Changes:
    """Return what has to change so that the registry says what *sources* say."""
    known = {each.source: each for each in registered if each.state != REMOVING}
    found = Changes()
    accepted: list[SearchParameterDefinition] = []
    changed: set[str] = set()
    # who was there first keeps its code; components come before what they are part of
    for source in sorted(sources, key=lambda each: (each.tree["type"] == "composite", each.number)):
        outcome = _registration(source, base, accepted)
        before = known.pop(source.number, None)
        is_same = before is not None and (before.definition, before.reason) == (outcome.definition, outcome.reason)
        if before is not None and is_same and not _has_part(outcome.definition, changed):
            found.kept[before.number] = source.version_id
        else:
            found.added.append(outcome)
            found.removed += [] if before is None else [before.number]
            changed.add(outcome.definition.url)
        if not outcome.reason:
            accepted.append(outcome.definition)
    found.removed += [each.number for each in known.values()]
    return found


def _registration(source: Source, base: SearchDefinitions, accepted: list[SearchParameterDefinition]) -> Registered:
    url, code = source.tree["url"], source.tree["code"]
    if any(each.url == url for each in accepted):
        reason = "Another SearchParameter has its url."
        return Registered(source, SearchParameterDefinition(url, code, source.tree["type"], ()), reason)
    admission = admit(source.tree, base, accepted)
    if admission.definition is None:
        bases = tuple(source.tree["base"])
        return Registered(
            source, SearchParameterDefinition(url, code, source.tree["type"], bases), admission.reason or "Not usable."
        )
    return Registered(source, admission.definition, "")


def _has_part(definition: SearchParameterDefinition, urls: set[str]) -> bool:
    return any(component.url.partition("|")[0] in urls for component in definition.components)
