"""Why a text cannot be converted, and where: the place is gathered while the call stack unwinds."""

from __future__ import annotations

from fhir_api.model.errors import ErrorKind, FhirError, refuse


class ConversionError(Exception):
    """A part of a resource cannot be converted.

    Attributes:
        reason: what was found and what was expected; a sentence without its full stop.
        steps: the way from the part up to the resource, innermost first: ``["gender", "contact[0]"]``.
    """

    def __init__(self, reason: str, *steps: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps = list(steps)

    def at(self, step: str) -> ConversionError:
        """Return this error, one step further out."""
        self.steps.append(step)
        return self

    def as_error(self, resource_type: str) -> FhirError:
        """Return the INVALID error that names the place as FHIRPath."""
        place = ".".join([resource_type, *reversed(self.steps)])
        return refuse(ErrorKind.INVALID, f"{self.reason}, at {place}.", expression=place)
