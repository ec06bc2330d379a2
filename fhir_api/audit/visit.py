"""A visit: one request from its admission until it is answered, as it will be on record.

Spec: https://profiles.ihe.net/ITI/BALP/content.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stanforis.audit import Record, TenantTrail, Who
from stanforis.audit.records import network, now

from fhir_api.access.caller import Caller
from fhir_api.audit.patients import patients_of
from fhir_api.audit.shapes import SEARCHES
from fhir_api.model.versions import StoredVersion
from fhir_api.rest.entrance import Head, Outcome
from fhir_api.rest.request import Pair

_ACTIONS = {
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "history-type": "R",
    "history-system": "R",
    "create": "C",
    "update": "U",
    "conditional-update": "U",
    "patch": "U",
    "conditional-patch": "U",
    "delete": "D",
    "conditional-delete": "D",
}
"""The action of each interaction; of any other it is E, execute."""
_CHANGES = {"C": "create", "U": "update", "D": "delete"}
_BY_KEY = frozenset({"read", "vread", "history-instance", "update", "patch", "delete"})
_WRITES = frozenset(
    {"create", "update", "conditional-update", "patch", "conditional-patch"} | {"delete", "conditional-delete"}
)
_UNRECORDED = frozenset({"capabilities"})
_REFUSED = 400
_CREATED = 201
_KEY_SEGMENTS = 2
_MOST_NAMES = 30
_HELD = 100
"""How many versions a visit holds until it looks at them; a long request would keep the bodies of all its pages."""
_NAME = re.compile(r"[a-z_][a-z0-9-]{0,63}(?::[A-Za-z]{1,64})?(?:\.[A-Za-z0-9:.\-]{1,120})?")


class Touched:
    """Resources that were given to somebody.

    Attributes:
        entities, found, patients: as in :class:`stanforis.audit.Record`; keys of what they are there for.
    """

    __slots__ = ("entities", "found", "patients")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.entities: dict[str, None] = {}
        self.found: dict[str, None] = {}
        self.patients: set[str] = set()

    def add(self, versions: Iterable[StoredVersion]) -> None:
        """Add versions that were given."""
        for version in versions:
            patients = patients_of(version)
            self.patients |= patients
            (self.found if patients else self.entities)[str(version.key)] = None


class Visit:
    """What is known of one request.

    Attributes:
        trail: where it goes on record.
    """

    __slots__ = ("_at", "_caller", "_given", "_head", "_identity", "_touched", "_written", "trail")

    def __init__(self, trail: TenantTrail, caller: Caller, head: Head, identity: str = "") -> None:
        """Begin with a request's head."""
        self.trail = trail
        self._caller = caller
        self._head = head
        self._identity = identity
        self._at = now()
        self._touched = Touched()
        self._given: list[StoredVersion] = []
        self._written = False

    def gave(self, versions: Iterable[StoredVersion]) -> None:
        """Note that versions were given to the caller."""
        self._given.extend(versions)
        if len(self._given) > _HELD:
            self._read()

    def wrote(self) -> None:
        """Note that what was written is stored, and on record."""
        self._written = True

    def written(self, action: str, versions: Sequence[StoredVersion]) -> Record:
        """See :class:`fhir_api.store.recording.Access`."""
        patients: set[str] = set()
        for version in versions:
            patients |= patients_of(version)
        if action == "D":
            patients |= self._read().patients
        entities = tuple(f"{version.key}/_history/{version.version_id}" for version in versions)
        return self._record(_CHANGES[action], action, _CREATED if action == "C" else 200, entities, patients=patients)

    def ends(self, outcome: Outcome) -> Record | None:
        """Return the record of all that is not on record yet; None where nothing is left."""
        interaction = "" if outcome.route is None else outcome.route.interaction
        status = outcome.response.status
        if status < _REFUSED and (interaction in _UNRECORDED or (self._written and not self._gave_more(interaction))):
            return None
        read = self._read()
        query = outcome.request.query if outcome.request else self._head.query
        entities, found = [*read.entities], [*read.found]
        if interaction in _BY_KEY or status >= _REFUSED:
            asked = "/".join(self._head.segments[:_KEY_SEGMENTS])
            entities, found = [asked] if len(self._head.segments) >= _KEY_SEGMENTS else [], []
        return self._record(
            interaction,
            _ACTIONS.get(interaction, "E"),
            status,
            tuple(entities),
            found=tuple(found),
            patients=read.patients if status < _REFUSED else self._asked_patient(),
            search=_shape(self._head.segments, query) if query or interaction in SEARCHES else "",
            route="" if outcome.route is None else outcome.route.path,
        )

    def _gave_more(self, interaction: str) -> bool:
        """Tell whether the caller, who wrote, was also given what he had not sent."""
        return interaction not in _WRITES and bool(self._given or self._touched.entities or self._touched.found)

    def _read(self) -> Touched:
        """Return what was given so far; each version is looked at once, and not before: most writes need none of it."""
        self._touched.add(self._given)
        self._given.clear()
        return self._touched

    def _asked_patient(self) -> set[str]:
        segments = self._head.segments
        return {segments[1]} if segments[:1] == ("Patient",) and len(segments) >= _KEY_SEGMENTS else set()

    def _record(
        self,
        interaction: str,
        action: str,
        status: int,
        entities: tuple[str, ...],
        *,
        found: tuple[str, ...] = (),
        patients: Iterable[str] = (),
        search: str = "",
        route: str = "",
    ) -> Record:
        caller = self._caller
        return Record(
            self._at,
            interaction,
            action,
            status,
            who(caller),
            self._identity,
            self._head.method,
            route,
            search,
            entities,
            found,
            tuple(sorted(patients)),
            caller.purpose or "",
            caller.emergency or "",
            network(self._head.peer),
        )


def who(caller: Caller) -> Who:
    """Return a caller as the record names them."""
    kind = caller.subject_type if caller.subject else ""
    return Who(caller.subject, kind, caller.client_id, caller.fhir_user or "", caller.roles)


def _shape(segments: tuple[str, ...], query: Sequence[Pair]) -> str:
    """Return what was searched, without a value: ``Observation?code&date``."""
    names = sorted({name if _NAME.fullmatch(name) else "?" for name, _ in query})[:_MOST_NAMES]
    path = segments[0] if segments and segments[0].isalpha() else ""
    return f"{path}?{'&'.join(names)}"
