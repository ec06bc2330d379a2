"""What administration refuses."""

from __future__ import annotations

from stanforis.errors import OperatorError


class AdministrationError(OperatorError):
    """It cannot be done; the text says why."""


class UnknownError(AdministrationError):
    """There is no such person, app, role, rule or grant."""


class TakenError(AdministrationError):
    """The name belongs to another."""
