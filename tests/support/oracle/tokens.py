"""Tokens.

Spec: https://hl7.org/fhir/R4/search.html#token
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_api.fhirpath import Item
from tests.support.oracle.texts import folded, parts, plain

Token = tuple[str | None, str | None]
"""System and code."""

IMPLIED = {
    ("Patient", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Practitioner", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Observation", "status"): "http://hl7.org/fhir/observation-status",
    ("Encounter", "status"): "http://hl7.org/fhir/encounter-status",
    ("DiagnosticReport", "status"): "http://hl7.org/fhir/diagnostic-report-status",
}
"""The system that the value set of a code element implies, for the parameters that are asked with it."""

CASELESS = frozenset({"string", "markdown", "ContactPoint"})


def tokens(item: Item, implied: str | None) -> Iterator[Token]:
    """Yield what an element is looked up by."""
    value = item.value
    match item.type:
        case "Coding":
            yield value.get("system"), value.get("code")
        case "CodeableConcept":
            yield from ((coding.get("system"), coding.get("code")) for coding in value.get("coding", ()))
        case "Identifier":
            yield value.get("system"), value.get("value")
        case "ContactPoint":
            yield None, value.get("value")
        case "boolean":
            yield None, "true" if value else "false"
        case "code":
            yield implied, value
        case _ if isinstance(value, str):
            yield None, value


def holds(item: Item, text: str, implied: str | None) -> bool:
    """Tell whether an element is ``code``, ``system|code``, ``|code`` or ``system|``."""
    wanted = [plain(part) for part in parts(text, "|")]
    return any(_same(item, token, wanted) for token in tokens(item, implied))


def _same(item: Item, token: Token, wanted: list[str]) -> bool:
    system, code = token
    wanted_code = wanted[-1]
    if item.type in CASELESS:
        code, wanted_code = (code or "").casefold(), wanted_code.casefold()
    if len(wanted) == 1:
        return code == wanted_code
    if not wanted_code:
        return system == wanted[0]
    return code == wanted_code and system == (wanted[0] or None)


def texts(item: Item) -> list[str]:
    """Return what ``:text`` looks at."""
    match item.type:
        case "Coding":
            found = [item.value.get("display")]
        case "CodeableConcept":
            found = [item.value.get("text"), *(coding.get("display") for coding in item.value.get("coding", ()))]
        case "Identifier":
            found = [item.value.get("type", {}).get("text")]
        case _:
            found = []
    return [text for text in found if text]


def has_text(item: Item, text: str) -> bool:
    """Tell whether a text beside the codes of an element begins with the wanted one."""
    wanted = folded(plain(text))
    return bool(wanted) and any(folded(each).startswith(wanted) for each in texts(item))


MEMBERS = {"http://sets.org/v": {("http://a.org", "x"), ("http://b.org", "x")}}
"""Value sets, for ``:in`` and ``:not-in``."""
PARENTS = {("http://a.org", "y"): "x", ("http://a.org", "X"): "y"}
"""What is right above a code, for ``:above`` and ``:below``."""


def is_among(item: Item, modifier: str, text: str) -> bool:
    """Tell whether an element is in a value set, below a code or above it."""
    if modifier in {"in", "not-in"}:
        wanted = MEMBERS[plain(text)]
    else:
        system, code = (plain(part) for part in parts(text, "|"))
        wanted = {(system, each) for each in (lineage(system, code) if modifier == "above" else below(system, code))}
    return any(token in wanted for token in tokens(item, None))


def lineage(system: str, code: str) -> list[str]:
    """Return a code and all above it."""
    parent = PARENTS.get((system, code))
    return [code, *(lineage(system, parent) if parent else ())]


def below(system: str, code: str) -> list[str]:
    """Return a code and all below it."""
    return [code, *(child for (of, child) in PARENTS if of == system and code in lineage(system, child)[1:])]


def is_of_type(item: Item, text: str) -> bool:
    """Tell whether an identifier is ``system|code|value``, system and code those of its type."""
    system, code, value = (plain(part) for part in parts(text, "|"))
    codings = item.value.get("type", {}).get("coding", ())
    is_type = any((coding.get("system"), coding.get("code")) == (system, code) for coding in codings)
    return is_type and item.value.get("value") == value
