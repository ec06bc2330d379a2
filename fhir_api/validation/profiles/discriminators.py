"""Discriminators: tests that tell which slice an element belongs to.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from conformance.types import is_subtype
from fhir_api.validation.profiles.elements import CHOICE, ElementTree
from fhir_api.validation.profiles.merging import greatest
from fhir_api.validation.profiles.paths import Definitions, Found, PathError, PathReader, reader
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run
from fhir_api.validation.profiles.slicing import Belongs
from fhir_api.validation.profiles.stated import Rules
from fhir_api.validation.profiles.values import equals_fixed, matches_pattern, plain, stated

Part = Callable[[ElementTree, Rules | None], tuple[Check, ...]]
"""Gives the checks of an element of a profile by itself, without what other rules (the second) say already."""
_Test = Callable[[Found, Run], bool]


class UndecidableError(ValueError):
    """A slice says nothing at its discriminator's path that would tell its elements from others."""


class Means(NamedTuple):
    """What slices of one element are told apart with.

    Attributes:
        whole: the sliced element.
        definitions: follows paths in the profile.
        part: makes the checks of an element, where nothing simpler tells a slice.
    """

    whole: ElementTree
    definitions: Definitions
    part: Part

    def at(self, element: ElementTree, path: str) -> list[ElementTree]:
        """Return what the profile says at a path.

        Raises:
            UndecidableError: the path cannot be followed.
        """
        try:
            return self.definitions.at(element, path)
        except PathError:
            raise UndecidableError(f"the discriminator's path '{path}' is none that can be followed") from None

    def parts_at(self, there: Sequence[ElementTree], path: str) -> list[tuple[Check, ...]]:
        """Return the checks of elements at a path, without what is the same for all slices."""
        same = self.at(replace(self.whole, slices={}), path)
        known = same[0].rules if same else None
        return [checks for element in there if (checks := self.part(element, known))]


def belonging(each: ElementTree, discriminators: Sequence[dict[str, Any]], means: Means) -> Belongs:
    """Return the test whether an element belongs to a slice.

    A discriminator that the slice says nothing about is left out as long as there are others.

    Args:
        each: the slice.
        discriminators: ``ElementDefinition.slicing.discriminator``.
        means: what tells it from others.

    Raises:
        UndecidableError: the slice cannot be told from others.
    """
    tests: list[Belongs] = []
    silent: list[UndecidableError] = []
    for one in discriminators:
        try:
            tests.append(_belonging(each, one["type"], one["path"], means))
        except UndecidableError as error:
            silent.append(error)
    if not tests:
        raise silent[0]
    return tests[0] if len(tests) == 1 else lambda found, run: all(test(found, run) for test in tests)


def _belonging(each: ElementTree, kind: str, path: str, means: Means) -> Belongs:
    there, read = means.at(each, path), reader(path)
    match kind:
        case "value" | "pattern":
            return _by_value(there, read, path, means)
        case "exists":
            return _by_existence(there, read, path)
        case "type":
            return _any(reader(path, only_types=True), [_by_type(frozenset(_codes(there)), path)])
        case "profile":
            return _any(read, [_by_profile(_canonicals(there), path)])
    raise UndecidableError(f"there is no discriminator '{kind}'")


def _any(read: PathReader, tests: Sequence[_Test]) -> Belongs:
    return lambda found, run: any(test(value, run) for value in read(found, run) for test in tests)


def _by_value(there: Sequence[ElementTree], read: PathReader, path: str, means: Means) -> Belongs:
    tests = [test for element in there if (test := _value_test(element)) is not None]
    if not tests and not any(greatest(element.rules) == 0 for element in there):
        tests = [_keeping(checks) for checks in means.parts_at(there, path)]
    return _any(read, tests) if tests else _by_existence(there, read, path)


def _value_test(element: ElementTree) -> _Test | None:
    fixed, pattern = stated(element.rules, "fixed"), _pattern_of(element)
    if fixed is None and pattern is None:
        return None
    test = equals_fixed(fixed) if fixed is not None else matches_pattern(pattern)
    return lambda found, _run: test(plain(found[0]))


def _pattern_of(element: ElementTree) -> Json | None:
    """Return the pattern that an element or what is in it states, put together; None where there is none."""
    for stem in ("pattern", "fixed"):
        own = stated(element.rules, stem)
        if own is not None:
            return own
    parts: dict[str, Json] = {}
    for name, child in element.children.items():
        obliging = [each for each in child.slices.values() if each.rules.get("min", 0)]
        patterns = [pattern for each in (child, *obliging) if (pattern := _pattern_of(each)) is not None]
        if patterns and not name.endswith(CHOICE):
            parts[name] = patterns[0] if greatest(child.rules) == 1 else patterns
    return parts or None


def _keeping(checks: tuple[Check, ...]) -> _Test:
    def keeps(found: Found, run: Run) -> bool:
        aside = run.aside()
        for check in checks:
            check(found[0], found[1], _NOWHERE, aside)
        return aside.is_sound

    return keeps


_NOWHERE = Place(None, "$this")


def _by_existence(there: Sequence[ElementTree], read: PathReader, path: str) -> Belongs:
    if any(greatest(element.rules) == 0 for element in there):
        return lambda found, run: not read(found, run)
    if any(element.rules.get("min", 0) for element in there):
        return lambda found, run: bool(read(found, run))
    raise UndecidableError(f"nothing at '{path}' tells its elements from others")


def _codes(there: Iterable[ElementTree]) -> Iterable[str]:
    return (kind["code"] for element in there for kind in element.types)


def _by_type(codes: frozenset[str], path: str) -> _Test:
    if not codes:
        raise UndecidableError(f"nothing at '{path}' states a type")
    return lambda found, _run: found[1] in codes or any(is_subtype(found[1], code) for code in codes)


def _canonicals(there: Iterable[ElementTree]) -> tuple[str, ...]:
    return tuple(canonical for element in there for kind in element.types for canonical in kind.get("profile", ()))


def _by_profile(canonicals: tuple[str, ...], path: str) -> _Test:
    if not canonicals:
        raise UndecidableError(f"nothing at '{path}' states a profile")
    return lambda found, run: any(run.profiles.holds(one, found[0], found[1], run) for one in canonicals)
