"""The search parameters that a tenant defined, in memory: registered in one step, built in another."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from itertools import count

import orjson

from fhir_api.model.versions import StoredVersion
from fhir_api.search.definitions import SearchDefinitions, base_definitions
from fhir_api.search.entries import IndexEntries
from fhir_api.search.tenant import OwnExtractor
from fhir_api.store.parameters import (
    BUILDING,
    LIVE,
    REFUSED,
    REMOVING,
    Job,
    OwnParameter,
    OwnParameters,
    Registered,
    Source,
    changes,
)


@dataclass(slots=True)
class Registry:
    """What is registered of one tenant, and the jobs about it.

    Attributes:
        zone: of dates without one.
        looked_at: the generation of definitions that was registered last.
        generation: of the set of parameters that are indexed.
        parameters: by number.
        jobs: by number.
        extractor: gives the entries of what is indexed.
    """

    zone: tzinfo = UTC
    looked_at: int = 0
    generation: int = 0
    parameters: dict[int, OwnParameter] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    extractor: OwnExtractor = field(default_factory=lambda: OwnExtractor(SearchDefinitions(()), (), UTC))
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def entries(self, version: StoredVersion) -> IndexEntries | None:
        """Return the entries of a version for the tenant's own parameters."""
        if version.is_deletion or version.key.resource_type not in self.extractor.types:
            return None
        return self.extractor.extract(version.key.resource_type, orjson.loads(version.body))

    def register(self, sources: Iterable[Source], generation: int) -> None:
        """Register what changed among *sources*, the SearchParameters of a *generation* of definitions."""
        found = changes(sources, list(self.parameters.values()), base_definitions())
        for number, version_id in found.kept.items():
            self.parameters[number] = replace(self.parameters[number], source_version=version_id)
        self._end(found.removed)
        self._add(found.added)
        self.looked_at = generation

    def rebuild(self, numbers: Sequence[int]) -> int:
        """Register some parameters anew, as they are, and return the number of the job that builds them."""
        again = [self.parameters[number] for number in numbers if self.parameters[number].state in (BUILDING, LIVE)]
        self._end([each.number for each in again])
        return self._add(
            Registered(Source(each.source, each.source_version, {}), each.definition, "") for each in again
        )

    def _end(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self.parameters[number].state == REFUSED:
                del self.parameters[number]
            else:
                self.parameters[number] = replace(self.parameters[number], state=REMOVING)
        gone = [each for each in numbers if each in self.parameters]
        if gone:
            self.begin("remove", self._title(gone), gone)
            self._changed()

    def _add(self, added: Iterable[Registered]) -> int:
        new: list[int] = []
        for each in added:
            number = next(self._numbers)
            state = REFUSED if each.reason else BUILDING
            source = each.source
            self.parameters[number] = OwnParameter(
                number, source.number, source.version_id, state, each.definition, each.reason
            )
            new += [number] if state == BUILDING else []
        if not new:
            return 0
        self._changed()
        return self.begin("build", self._title(new), new)

    def _changed(self) -> None:
        self.generation += 1
        indexed = OwnParameters(self.generation, tuple(self.parameters.values())).indexed
        self.extractor = OwnExtractor(base_definitions(), indexed, self.zone)

    def _title(self, numbers: Iterable[int]) -> str:
        return ", ".join(self.parameters[number].definition.url for number in numbers)

    def begin(self, kind: str, title: str, parameters: Iterable[int] = ()) -> int:
        """Make a job, and return its number."""
        number = len(self.jobs) + 1
        self.jobs[number] = Job(number, kind, title, "waiting", 0, 0, tuple(parameters), "", _now(), None)
        return number

    @property
    def due(self) -> Job | None:
        """The job that is done next; None where there is none."""
        return next((job for job in self.jobs.values() if job.finished is None), None)

    def finish(self, job: Job, looked_at: int) -> None:
        """Take in that a job has looked at all resources it is about."""
        for number in job.parameters:
            if job.kind == "remove":
                self.parameters.pop(number, None)
            elif number in self.parameters and self.parameters[number].state == BUILDING:
                self.parameters[number] = replace(self.parameters[number], state=LIVE)
        self.jobs[job.number] = job._replace(state="done", done=looked_at, total=looked_at, finished=_now())


def _now() -> int:
    return time.time_ns() // 1_000_000
