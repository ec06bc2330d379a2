"""Fixed values, patterns and limits of values.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fhir_api.fhirpath import FhirPathEvaluationError, Item, Position
from fhir_api.fhirpath.equality import order
from fhir_api.fhirpath.values import system_value
from fhir_api.validation.profiles.elements import Rules
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run

Test = Callable[[Json], bool]
"""Tells whether a value is what a profile demands."""

_LIMITS: Final = {"minValue": (-1, "at least"), "maxValue": (1, "at most")}
_NOWHERE: Final = Position(0, 1, 1)


def plain(value: Json) -> Json:
    """Return the JSON of a value, None for a primitive that has only extensions."""
    return value.value if type(value) is Item else value


def stated(rules: Rules, stem: str) -> Json | None:
    """Return the value of ``fixed[x]`` or ``pattern[x]``, None where there is none."""
    return next((value for name, value in rules.items() if name.startswith(stem) and name != stem), None)


def equals_fixed(fixed: Json) -> Test:
    """Return the test for ``fixed[x]``: just the same value."""
    return lambda value: _same(fixed, value)


def matches_pattern(pattern: Json) -> Test:
    """Return the test for ``pattern[x]``: all that the pattern has, and anything else."""
    return lambda value: _within(pattern, value)


def _same(fixed: Json, value: Json) -> bool:
    # JSON has no other pair that Python takes for equal: True is not 1 here
    return type(fixed) is type(value) and fixed == value if isinstance(fixed, bool | str) else bool(fixed == value)


def _within(pattern: Json, value: Json) -> bool:
    if type(pattern) is dict:
        return type(value) is dict and all(
            name in value and _within(part, value[name]) for name, part in pattern.items()
        )
    if type(pattern) is list:
        return type(value) is list and all(any(_within(part, item) for item in value) for part in pattern)
    return _same(pattern, value)


def value_checks(rules: Rules, profile: str) -> Iterator[Check]:
    """Yield the checks of an element's value that its rules state.

    Args:
        rules: the element's.
        profile: canonical of the profile, for issues.
    """
    fixed, pattern = stated(rules, "fixed"), stated(rules, "pattern")
    if fixed is not None:
        yield _checking(equals_fixed(fixed), "fixed", f"Found another value than the fixed one{_shown(fixed)}", profile)
    if pattern is not None:
        text = f"Found a value that does not have what the pattern demands{_shown(pattern)}"
        yield _checking(matches_pattern(pattern), "pattern", text, profile)
    for stem, (side, words) in _LIMITS.items():
        limit = next(((name, value) for name, value in rules.items() if name.startswith(stem)), None)
        if limit is not None:
            yield _limiting(limit[0].removeprefix(stem), limit[1], side, words, profile)
    if "maxLength" in rules:
        yield _shortening(rules["maxLength"], profile)


def _shown(value: Json) -> str:
    """Return the demanded value for an issue where it is short: it is the profile's, not the patient's."""
    return f" ({value})" if isinstance(value, str | int | float) else ""


def _checking(test: Test, kind: str, text: str, profile: str) -> Check:
    text = f"{text} of the profile {profile}."

    def check(value: Json, _kind: str, place: Place, run: Run) -> None:
        if not test(plain(value)):
            run.error("value", text, place, kind)

    return check


def _limiting(type_name: str, limit: Json, side: int, words: str, profile: str) -> Check:
    code = type_name[0].lower() + type_name[1:] if isinstance(limit, str | int | float) else type_name
    expected = system_value(Item(limit, code))
    shown = _shown(limit)
    text = f"Found a value out of range, expected {words} the limit{shown} of the profile {profile}."

    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        try:
            compared = order(system_value(Item(plain(value), kind)), expected, _NOWHERE)
        except FhirPathEvaluationError:
            return  # a duration limits a date only relative to now, which no stored resource can keep
        if compared is not None and compared * side > 0:
            run.error("value", text, place, "range")

    return check


def _shortening(most: int, profile: str) -> Check:
    def check(value: Json, _kind: str, place: Place, run: Run) -> None:
        text = plain(value)
        if type(text) is str and len(text) > most:
            found = f"Found {len(text)} characters, expected at most {most} (profile {profile})."
            run.error("too-long", found, place, "length")

    return check
