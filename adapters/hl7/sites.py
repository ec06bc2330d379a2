"""The senders that files of sites name, as the listener knows them."""

from __future__ import annotations

from pathlib import Path

from adapters.hl7.encoding.location import location
from adapters.hl7.outbound.destinations import HANDED_OVER
from adapters.hl7.senders import Duplicates, Sender, Senders
from mappings.errors import MappingError
from mappings.sites import SITES, SenderFile, SiteFile, sites


def senders(folder: Path = SITES) -> list[Sender]:
    """Return the senders of all sites in *folder*, each under ``site/sender``, as their plans are.

    Raises:
        MappingError: a file cannot be used, or two senders cannot be told apart.
    """
    found = [_sender(site.file, each) for site in sites(folder) for each in site.file.senders]
    known: dict[tuple[str, str], str] = {}
    for sender in found:
        other = known.setdefault((sender.application, sender.facility), sender.name)
        if other != sender.name:
            raise MappingError(
                f"{sender.name} and {other} have the same application and facility: {sender.application!r}, "
                f"{sender.facility!r}"
            )
    return found


def known_senders(folder: Path = SITES) -> Senders:
    """Return the same for a listener; see :func:`senders`."""
    return Senders(senders(folder))


def _sender(site: SiteFile, file: SenderFile) -> Sender:
    try:
        return Sender(
            name=f"{site.name}/{file.name}",
            tenant=file.tenant,
            application=file.application,
            facility=file.facility,
            certificates=frozenset(file.certificates),
            charset=file.charset,
            accept=file.accept,
            application_accept=file.application_accept,
            deferred=file.deferred,
            acknowledge_to=_acknowledge_to(site, file),
            acknowledge_here=file.acknowledge_here,
            duplicates=Duplicates(file.duplicates),
            lane=tuple(location(place) for place in file.lane),
            expected_seconds=file.expected_seconds,
            keep_days=file.keep_days,
        )
    except ValueError as error:
        raise MappingError(f"{site.name}/site.yaml: sender {file.name}: {error}") from error


def _acknowledge_to(site: SiteFile, file: SenderFile) -> str:
    """Return the name of the destination that gets a sender's later answers; empty for none.

    Raises:
        ValueError: the site has no such destination of the sender's tenant, or it takes no acknowledgements.
    """
    if not file.acknowledge_to:
        if file.deferred and not file.acknowledge_here:
            raise ValueError("deferred: expected acknowledge_to to name a destination, or acknowledge_here")
        return ""
    if file.acknowledge_here:
        raise ValueError("acknowledge_here: expected no acknowledge_to beside it")
    for destination in site.destinations:
        if (destination.name, destination.tenant) == (file.acknowledge_to, file.tenant):
            if HANDED_OVER not in destination.messages:
                raise ValueError(f"acknowledge_to: expected {HANDED_OVER} among the messages of {destination.name}")
            return f"{site.name}/{destination.name}"
    raise ValueError(f"acknowledge_to: expected a destination of tenant {file.tenant}, found {file.acknowledge_to!r}")
