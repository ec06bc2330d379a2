"""Fixed values, patterns and limits of values.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import regex

from fhir_api import fhirpath
from fhir_api.fhirpath import FhirPathEvaluationError, Item, Position
from fhir_api.fhirpath.equality import order
from fhir_api.fhirpath.patience import within_patience
from fhir_api.fhirpath.values import system_value
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run
from fhir_api.validation.profiles.stated import Rules

Test = Callable[[Json], bool]
"""Tells whether a value is what a profile demands."""

_LIMITS: Final = {"minValue": (-1, "at least"), "maxValue": (1, "at most")}
_MOMENTS: Final = frozenset({"date", "dateTime", "instant"})
_CALENDAR: Final = {"a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second"}
_NOWHERE: Final = Position(0, 1, 1)
_LONGEST: Final = 2**20
"""Longer text than FHIR allows is refused elsewhere."""


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
    # Python takes True for 1, which JSON does not
    if isinstance(fixed, bool) or isinstance(value, bool):
        return fixed is value
    return bool(fixed == value)


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
    yield from _text_checks(rules, profile)
    if rules.get("mustHaveValue") or "valueAlternatives" in rules:
        yield _valued(rules.get("valueAlternatives"), profile)


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
    text = f"Found a value out of range, expected {words} the limit{_shown(limit)} of the profile {profile}."

    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        if kind in _MOMENTS and type(limit) is dict:
            is_within = _is_within(plain(value), kind, limit, side, run)
        else:
            try:
                compared = order(system_value(Item(plain(value), kind)), expected, _NOWHERE)
            except FhirPathEvaluationError:
                return  # a limit of another kind than the value says nothing about it
            is_within = compared is None or compared * side <= 0
        if not is_within:
            run.error("value", text, place, "range")

    return check


def _is_within(value: Json, kind: str, duration: Json, side: int, run: Run) -> bool:
    """Tell whether a moment is no earlier (or no later) than a duration before (or after) now.

    Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_
    """
    unit = _CALENDAR.get(duration.get("code"))
    if unit is None or "value" not in duration:
        return True
    bound, now = ("<= {} +", ">= {} -")[side < 0], ("now()", "today()")[kind == "date"]
    expression = f"$this {bound.format(now)} {duration['value']} {unit}"
    return fhirpath.compile(expression, type_name=kind).boolean(value, run.environment) is not False


def _text_checks(rules: Rules, profile: str) -> Iterator[Check]:
    least, most = rules.get("minLength", 0), rules.get("maxLength")
    if least:
        yield _text_check(lambda text: len(text) >= least, f"at least {least} characters", "length", profile)
    if most is not None:
        yield _text_check(lambda text: len(text) <= most, f"at most {most} characters", "length", profile)
    if "regex" in rules:
        try:
            pattern = regex.compile(rules["regex"])
        except regex.error:
            return  # other dialects know more than Python's; what cannot be read refuses nothing
        yield _text_check(lambda text: _matches(pattern, text), f"text like {rules['regex']}", "regex", profile)


def _matches(pattern: regex.Pattern[Any], text: str) -> bool:
    try:
        return within_patience(lambda seconds: pattern.fullmatch(text, timeout=seconds)) is not None
    except TimeoutError:
        return False


def _text_check(test: Test, expected: str, kind: str, profile: str) -> Check:
    issue_type = "too-long" if expected.startswith("at most") else "value"

    def check(value: Json, _kind: str, place: Place, run: Run) -> None:
        text = plain(value)
        if type(text) is str and len(text) <= _LONGEST and not test(text):
            found = f"Found text of {len(text)} characters, expected {expected} (profile {profile})."
            run.error(issue_type, found, place, kind)

    return check


def _valued(alternative: str | None, profile: str) -> Check:
    """Return the check that a primitive has a value, or else an extension of that url."""
    text = (
        f"Found no value, expected one{f' or the extension {alternative}' if alternative else ''} (profile {profile})."
    )

    def check(value: Json, _kind: str, place: Place, run: Run) -> None:
        if type(value) is Item and value.value is None:
            extensions = (value.element or {}).get("extension", ())
            if not any(extension.get("url") == alternative for extension in extensions):
                run.error("required", text, place, "value")

    return check
