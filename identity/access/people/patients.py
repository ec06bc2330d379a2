"""The port to whoever knows patients: which of them a person may open an app for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from identity.access.store.records import User


@dataclass(frozen=True, slots=True)
class PatientChoice:
    """A patient to choose.

    Attributes:
        logical_id: of the Patient.
        label: what tells the patient from others, for the person's eyes only.
    """

    logical_id: str
    label: str


class PatientPicker(Protocol):
    """Finds patients among those that a user may see."""

    async def find(self, user: User, text: str) -> Sequence[PatientChoice]:
        """Return a few patients that fit what the user typed."""

    async def get(self, user: User, logical_id: str) -> PatientChoice | None:
        """Return the patient if the user may see it."""


class NoPatients:
    """The null twin: nobody can be chosen."""

    async def find(self, user: User, text: str) -> Sequence[PatientChoice]:
        """Find nobody."""
        del user, text
        return ()

    async def get(self, user: User, logical_id: str) -> PatientChoice | None:
        """Return nobody."""
        del user, logical_id
        return None
