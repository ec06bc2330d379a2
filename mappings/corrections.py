"""Our corrections of the published rows, and the rows with them.

The published files are never edited; each correction stands in ``mappings/patches`` with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from mappings.conditions import Condition, parse_condition
from mappings.errors import MappingError

PATCHES = Path(__file__).parent / "patches"
FUNCTIONS = frozenset({"is_registered_identifier_system", "is_unmapped", "is_unregistered_identifier_system"})
"""What conditions may ask beyond the grammar."""

Rows = TypeVar("Rows")


class ConditionPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands for a published condition.

    Attributes:
        published: the condition as it is published.
        sheets: where it stands.
        reason: why it cannot be used as it is.
        corrected: what is used instead; empty for no condition.
        function: or the name of one of :data:`FUNCTIONS`.
    """

    published: str
    sheets: tuple[str, ...]
    reason: str
    corrected: str | None = None
    function: str | None = None


class Function(NamedTuple):
    """A condition that a named function answers."""

    name: str


@cache
def condition_patches() -> Mapping[tuple[str, str], ConditionPatch]:
    """Return the corrections of conditions, by sheet and published text.

    Raises:
        MappingError: one has neither or both of a condition and a function, or names an unknown function.
    """
    raw = (PATCHES / "conditions.yaml").read_bytes()
    patches = msgspec.yaml.decode(raw, type=list[ConditionPatch])
    for patch in patches:
        if (patch.corrected is None) == (patch.function is None):
            raise MappingError(f"patch of {patch.published!r}: expected either corrected or function")
        if patch.function is not None and patch.function not in FUNCTIONS:
            raise MappingError(f"patch of {patch.published!r}: there is no function {patch.function!r}")
    return MappingProxyType(
        {(sheet, " ".join(patch.published.split())): patch for patch in patches for sheet in patch.sheets}
    )


def condition_of(sheet: str, published: str) -> Condition | Function | None:
    """Return the condition of a row; None when the row always counts.

    Args:
        sheet: name of its sheet.
        published: its condition as published; in our own rows also a function: ``is_unmapped()``.

    Raises:
        MappingError: it does not follow the grammar, and no correction stands for it.
    """
    patch = condition_patches().get((sheet, published))
    if patch is not None and patch.function is not None:
        return Function(patch.function)
    if published.endswith("()") and published[:-2] in FUNCTIONS:
        return Function(published[:-2])
    text = published if patch is None or patch.corrected is None else patch.corrected
    return parse_condition(text) if text else None


def linked(sheets: Mapping[str, Rows], name: str) -> str | None:
    """Return the sheet that a link means: itself, or the one that differs in case, spaces and slashes only."""
    if name in sheets:
        return name
    wanted = _folded(name)
    found = [each for each in sheets if _folded(each) == wanted]
    return found[0] if len(found) == 1 else None


def _folded(name: str) -> str:
    return re.sub(r"[\s/]", "", name).casefold()
