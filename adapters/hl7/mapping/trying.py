"""A sender's own tests: messages, and what has to come of them.

``<site>/<sender>/tests/expected.csv`` has a line for each expectation: ``message`` (a file beside it), ``element``
(``Patient.gender``) and ``value``; an empty value means that the element must not be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from adapters.hl7.encoding import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.mapping.plan import Plan
from mappings.errors import MappingError
from mappings.merging import read_table
from mappings.sites import Site

EXPECTED = "expected.csv"


class Failure(NamedTuple):
    """An expectation that is not met.

    Attributes:
        file: where it stands.
        line: its line.
        element: what was looked at.
        expected: what was expected.
        found: what was found, each in the order of the Bundle.
    """

    file: str
    line: int
    element: str
    expected: str
    found: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in words. Tests have invented messages, so what was found may be shown."""
        found = ", ".join(self.found) or "nothing"
        return f"{self.file} line {self.line}: {self.element}: expected {self.expected or 'nothing'}, found {found}"


def try_sender(plan: Plan, site: Site, sender: str) -> list[Failure]:
    """Return the expectations of a sender's tests that *plan* does not meet.

    Raises:
        MappingError: a test cannot be read.
    """
    folder = site.folder / sender / "tests"
    if not (folder / EXPECTED).exists():
        return []
    bundles: dict[str, dict[str, Any]] = {}
    failures = []
    for row in read_table(folder / EXPECTED):
        name = row.get("message", "")
        if name not in bundles:
            bundles[name] = plan.apply(_message(folder, name)).bundle
        found = tuple(_text(value) for value in values(bundles[name], row.get("element", "")))
        expected = row.get("value", "")
        if expected not in found if expected else found:
            where = f"{site.folder.name}/{sender}/tests/{EXPECTED}"
            failures.append(Failure(where, int(row["line"]), row.get("element", ""), expected, found))
    return failures


def count(site: Site, sender: str) -> int:
    """Return how many expectations a sender's tests have."""
    path = site.folder / sender / "tests" / EXPECTED
    return len(read_table(path)) if path.exists() else 0


def values(bundle: dict[str, Any], element: str) -> Iterator[object]:
    """Yield the values of an element in all resources of a Bundle: ``Patient.name.family``."""
    resource_type, *names = element.split(".")
    for entry in bundle.get("entry", ()):
        if entry["resource"]["resourceType"] == resource_type:
            yield from _inside(entry["resource"], names)


def _inside(value: Any, names: list[str]) -> Iterator[object]:
    if isinstance(value, list):
        for each in value:
            yield from _inside(each, names)
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from _inside(value[names[0]], names[1:])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _message(folder: Path, name: str) -> Message:
    try:
        return Message.parse((folder / name).read_bytes())
    except (OSError, Hl7Error) as error:
        raise MappingError(f"{folder.parent.name}/tests/{name}: {error}") from error
