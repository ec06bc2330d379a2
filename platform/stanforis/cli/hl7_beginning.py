"""Beginning the files of a sender: what its messages say and no row maps, with a question mark where a person answers.

Nothing that is there is overwritten, and no value of a message but codes goes into a file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from adapters.hl7.encoding import Message
from adapters.hl7.mapping import Plan
from mappings.merging import common
from mappings.sites import Site
from stanforis.errors import OperatorError

OPEN = "?"
"""Stands where a person answers; ``check`` names the place until it is done."""
_NAME = re.compile(r"([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)")


def begin(name: str, messages: Iterable[Message], sites: Path) -> list[Path]:
    """Write what a new sender needs, and return the files that were made.

    Args:
        name: ``site/sender``.
        messages: some of its messages.
        sites: folder of the sites.

    Raises:
        OperatorError: the name is none, there are no messages, or a file of the site has no such sender.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise OperatorError(f"{name}: expected site/sender, such as north/LAB1")
    site, sender = found.groups()
    read = list(messages)
    if not read:
        raise OperatorError("expected messages of the sender, found none")
    # JSON is YAML, and quotes what a message says
    application = json.dumps(read[0]["MSH-3"] or sender)
    lines = f"  - name: {sender}\n    application: {application}     # MSH-3\n"
    path = sites / site / "site.yaml"
    if path.exists() and sender not in {each.name for each in Site(path.parent).file.senders}:
        raise OperatorError(f"{path} has no sender {sender}: write below senders:\n{lines}")
    wanted = {path: f"name: {site}\nzone: UTC     # of times without an offset: Africa/Kigali\nsenders:\n{lines}"}
    wanted |= {path.parent / sender / file: text for file, text in _files(sender, read)}
    made = [file for file in wanted if not file.exists()]
    for file in made:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted[file], encoding="utf-8")
    return made


def _files(sender: str, messages: list[Message]) -> Iterator[tuple[str, str]]:
    """Yield the tables and sheets that are open, and what stands in them."""
    plan = Plan(common(), sender)
    codes: dict[str, set[str]] = {}
    places: dict[str, set[int]] = {}
    for message in messages:
        mapped = plan.apply(message)
        for code in mapped.unmapped_codes:
            codes.setdefault(code.table, set()).add(code.code)
        for place in mapped.ledger.unmapped:
            if place.segment.startswith("Z"):
                places.setdefault(place.segment, set()).add(place.field)
    for table, found in sorted(codes.items()):
        yield f"tables/{table}.csv", _csv(["code", "target"], ([code, OPEN] for code in sorted(found)))
    for segment, fields in sorted(places.items()):
        rows = ([f"{segment}-{field}", OPEN, ""] for field in sorted(fields))
        yield f"z/{segment}.csv", _csv(["identifier", "target", "comment"], rows)


def _csv(header: list[str], rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
