"""Destinations as the service knows them: their rows compiled, their settings checked."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.hl7.encoding.charsets import codec_of
from adapters.hl7.mllp.client import MllpClient
from adapters.hl7.mllp.tls import client_context
from adapters.hl7.outbound.building import Envelope
from adapters.hl7.outbound.compiling import MessagePlan, compiled
from fhir_api import fhirpath
from identity.access.errors import OAuthError
from identity.access.scopes.scope_set import read_scopes
from mappings.destinations import DestinationFile
from mappings.errors import MappingError
from mappings.outbound import OUTBOUND
from mappings.sites import SITES, Site, sites

HANDED_OVER = "ACK"
"""In ``messages``: what others hand over, such as acknowledgements that an application sends later."""
_USUAL = "2.5.1"
_ACCEPTS = ("", "AL", "NE", "ER", "SU")
"""Table 0155."""
_PURPOSE = re.compile(r"[A-Z]{1,20}")


@dataclass(frozen=True, slots=True)
class Destination:
    """A system that messages are sent to.

    Attributes:
        name: ``site/destination``.
        file: its settings.
        plans: the messages it gets.
        criteria: over the resource that changed.
        envelope: what the headers say.
        tls: None for a connection in the clear.
    """

    name: str
    file: DestinationFile
    plans: tuple[MessagePlan, ...]
    criteria: fhirpath.Compiled
    envelope: Envelope
    tls: ssl.SSLContext | None

    @property
    def resource_types(self) -> tuple[str, ...]:
        """The types whose changes may make a message."""
        return tuple(sorted({plan.file.resource for plan in self.plans}))

    def client(self) -> MllpClient:
        """Return a connection to it, not open yet."""
        file = self.file
        return MllpClient(
            file.host,
            file.port,
            tls=self.tls,
            server_name=file.server_name or None,
            answer_seconds=file.answer_seconds,
        )


def destinations(folder: Path = SITES, rows: Path = OUTBOUND) -> list[Destination]:
    """Return the destinations of all sites in *folder*.

    Raises:
        MappingError: a file cannot be used.
    """
    return [_destination(site, file, rows) for site in sites(folder) for file in _files(site)]


def outbound_problem(folder: Path = SITES, rows: Path = OUTBOUND) -> str:
    """Return why rows or destinations cannot be used, with the place; empty where they can."""
    try:
        compiled(_USUAL, rows)
        destinations(folder, rows)
    except MappingError as error:
        return str(error)
    return ""


def _files(site: Site) -> Iterator[DestinationFile]:
    names: set[str] = set()
    for file in site.file.destinations:
        if file.name in names:
            raise MappingError(f"{site.file.name}/site.yaml: two destinations are called {file.name!r}")
        names.add(file.name)
        yield file


def _destination(site: Site, file: DestinationFile, rows: Path) -> Destination:
    name = f"{site.file.name}/{file.name}"
    where = f"{site.file.name}/site.yaml: destination {file.name}"
    known = compiled(file.version, rows, (site.folder / file.name,))
    unknown = set(file.messages) - known.keys() - {HANDED_OVER}
    if unknown or not file.messages:
        raise MappingError(
            f"{where}: messages: expected some of {', '.join((*known, HANDED_OVER))}, found {sorted(unknown) or 'none'}"
        )
    for setting, (value, known_values) in _choices(file).items():
        if value not in known_values:
            raise MappingError(f"{where}: expected {setting} to be {' or '.join(known_values)}, found {value!r}")
    if file.charset and codec_of(file.charset) is None:
        raise MappingError(f"{where}: charset: {file.charset!r} is no label of table 0211")
    if file.accept == "NE":
        raise MappingError(f"{where}: accept: NE asks for no acknowledgement: nothing would be known to arrive")
    try:
        read_scopes(file.scope)
    except OAuthError as error:
        raise MappingError(f"{where}: scope: {error}") from error
    if not _PURPOSE.fullmatch(file.purpose):
        raise MappingError(f"{where}: purpose: expected a code such as TREAT, found {file.purpose!r}")
    try:
        criteria = fhirpath.compile(file.filter)
    except fhirpath.FhirPathError as error:
        raise MappingError(f"{where}: filter: {error}") from error
    envelope = Envelope(
        file.sending,
        file.receiving,
        file.charset,
        file.processing,
        (file.accept, file.application_accept),
        file.profiles,
    )
    plans = tuple(known[each] for each in file.messages if each != HANDED_OVER)
    return Destination(name, file, plans, criteria, envelope, _tls(where, file))


def _choices(file: DestinationFile) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        "start": (file.start, ("now", "beginning")),
        "errors": (file.errors, ("retry", "dead")),
        "validation": (file.validation, ("full", "fields")),
        "accept": (file.accept, _ACCEPTS),
        "application_accept": (file.application_accept, _ACCEPTS),
        "processing": (file.processing, ("P", "T", "D")),
    }


def _tls(where: str, file: DestinationFile) -> ssl.SSLContext | None:
    if not file.tls:
        return None
    try:
        return client_context(_path(file.authorities), _path(file.certificate), _path(file.key))
    except OSError as error:
        raise MappingError(f"{where}: tls: {type(error).__name__}: {error.strerror or 'it is no PEM file'}") from error


def _path(text: str) -> Path | None:
    return Path(text) if text else None
