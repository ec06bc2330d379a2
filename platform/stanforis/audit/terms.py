"""The terms by which records are found: 64-bit hashes of what a record says.

A batch is found by each term that any of its records has. What nearly every record says (a success, a read) is no
term; whoever asks for that finds it among the newest anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from xxhash import xxh3_64_intdigest

from stanforis.audit.records import SUCCESS, Record

_HALF = 1 << 63
_CHANGES = frozenset("CUD")


class Kind:
    """What a term is about: plain texts, since each record has several and hashing an enumeration's member is slow."""

    PATIENT: Final = "patient"
    ENTITY: Final = "entity"
    SUBJECT: Final = "subject"
    CLIENT: Final = "client"
    USER: Final = "user"
    ACTION: Final = "action"
    OUTCOME: Final = "outcome"
    INTERACTION: Final = "interaction"
    EMERGENCY: Final = "emergency"
    RECIPIENT: Final = "recipient"


Said = tuple[str, str]
"""Something that a record may say, such as ``(Kind.PATIENT, "1")``."""

USUAL = frozenset(
    {(Kind.OUTCOME, SUCCESS), (Kind.ACTION, "R"), (Kind.ACTION, "E")}
    | {(Kind.INTERACTION, name) for name in ("read", "search-type", "create", "update", "operation")}
)
"""What is no term, since too many records say it."""


def term(tenant: int, said: Said) -> int:
    """Return the hash of *said* as a signed number of 64 bits."""
    return xxh3_64_intdigest("|".join(said).encode(), seed=tenant) - _HALF


def terms(tenant: int, records: Iterable[Record]) -> list[int]:
    """Return the terms of some records, each once, sorted."""
    said = {each for record in records for each in said_by(record)}
    return sorted(term(tenant, each) for each in said.difference(USUAL))


def said_by(record: Record) -> Iterator[Said]:
    """Yield what a record says, terms or not."""
    for patient in record.patients:
        yield Kind.PATIENT, patient
    # what was only read is found by the patients that it is about
    if record.action in _CHANGES or not record.patients:
        for entity in record.entities:
            key = entity.partition("/_history/")[0]
            if not key.startswith("Patient/") or key[len("Patient/") :] not in record.patients:
                yield Kind.ENTITY, key
    who = record.who
    for kind, value in ((Kind.SUBJECT, who.subject), (Kind.CLIENT, who.client), (Kind.USER, who.user)):
        if value:
            yield kind, value
    yield Kind.ACTION, record.action
    yield Kind.OUTCOME, record.outcome
    yield Kind.INTERACTION, record.interaction
    if record.emergency:
        yield Kind.EMERGENCY, ""
    if record.recipient:
        yield Kind.RECIPIENT, record.recipient
