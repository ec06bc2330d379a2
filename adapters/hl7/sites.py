"""The senders that files of sites name, as the listener knows them."""

from __future__ import annotations

from pathlib import Path

from adapters.hl7.encoding.location import location
from adapters.hl7.senders import Duplicates, Sender, Senders
from mappings.errors import MappingError
from mappings.sites import SITES, SenderFile, sites


def senders(folder: Path = SITES) -> list[Sender]:
    """Return the senders of all sites in *folder*, each under ``site/sender``, as their plans are.

    Raises:
        MappingError: a file cannot be used, or two senders cannot be told apart.
    """
    found = [_sender(site.file.name, each) for site in sites(folder) for each in site.file.senders]
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


def _sender(site: str, file: SenderFile) -> Sender:
    name = f"{site}/{file.name}"
    try:
        return Sender(
            name=name,
            tenant=file.tenant,
            application=file.application,
            facility=file.facility,
            certificates=frozenset(file.certificates),
            charset=file.charset,
            duplicates=Duplicates(file.duplicates),
            lane=tuple(location(place) for place in file.lane),
            expected_seconds=file.expected_seconds,
        )
    except ValueError as error:
        raise MappingError(f"{site}/site.yaml: sender {file.name}: {error}") from error
