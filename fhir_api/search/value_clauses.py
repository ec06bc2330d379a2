"""From the text of one parameter's value to clauses: modifiers, lists of values, versions.

Spec: https://hl7.org/fhir/R4/search.html#modifiers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import parameter_key
from fhir_api.search.query import (
    AllClause,
    AnyClause,
    Clause,
    MissingClause,
    Parameter,
    ReferenceValue,
    StringValue,
    UriValue,
    ValueClause,
)
from fhir_api.search.refusals import bad_value, unsupported_modifier
from fhir_api.search.types import sound
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.reading import Reading
from fhir_api.search.types.token import CODE_SETS, code_set
from fhir_api.search.types.values import parse_value, parse_values
from fhir_api.search.words import text_of_words

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("missing", "text", "not", "in", "not-in", "above", "below", "of-type"),
    "reference": ("missing", "identifier", "above", "below"),
    "string": ("missing", "exact", "contains", "text"),
    "uri": ("missing", "above", "below"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
    "special": ("missing",),
    "composite": (),
}
"""Modifiers of each parameter type; a reference also has the names of its target types."""

HIERARCHIES = ("partof", "part-of")
"""Reference parameters by which resources of one type form a hierarchy: they point at the one above."""


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Reads what stands behind ``name:modifier=``.

    Attributes:
        definitions: the parameters there are.
        reading: what the meaning of values depends on.
    """

    definitions: SearchDefinitions
    reading: Reading

    def clauses(self, parameter: Parameter, modifier: str | None, value: str) -> tuple[Clause, ...]:
        """Return clauses that together mean ``parameter:modifier=value``.

        Raises:
            FhirError: the modifier or the value is not understood.
        """
        if modifier == "missing" and parameter.type != "composite":
            return (MissingClause(parameter, is_missing(parameter.code, value)),)
        self._check_modifier(parameter, modifier)
        texts = split(value, ",")
        if not all(texts):
            raise bad_value(parameter.code, "a value between any two commas")
        if parameter.by_sound:
            return (sound.clause(parameter, texts),)
        if modifier == "text":
            if parameter.type == "token":
                return (self._texts(parameter, texts),)
            return (text_of_words(parameter, [unescape(text) for text in texts]),)
        if modifier == "below" and parameter.element_types == ("code",) and not any("|" in text for text in texts):
            return (ValueClause(parameter, "media-type", parse_values(parameter, texts, self.reading)),)
        if parameter.type == "token" and modifier in CODE_SETS:
            codes = tuple(code for text in texts for code in code_set(parameter, modifier, text, self.reading))
            return (ValueClause(parameter, "not" if modifier == "not-in" else None, codes),)
        if parameter.is_canonical and modifier == "below":
            return (self._versions(parameter, texts),)
        if parameter.type == "reference" and modifier in {"above", "below"}:
            return (ValueClause(parameter, modifier, tuple(self._in_hierarchy(parameter, text) for text in texts)),)
        clause = ValueClause(
            parameter,
            modifier if modifier not in self.definitions.resource_types else None,
            parse_values(parameter, texts, self.reading, modifier),
        )
        return self._with_version(clause)

    @staticmethod
    def _texts(parameter: Parameter, texts: Sequence[str]) -> Clause:
        """Return the clause that one of the texts beside the parameter's codes begins with one of *texts*."""
        values = tuple(StringValue(unescape(text)) for text in texts)
        is_base = parameter.key == parameter_key(parameter.resource_type, parameter.code)
        place = replace(parameter, is_identifier=False, parts=(), only=None, is_gathered=is_base)
        places = (replace(place, key=key) for key in parameter.texts)
        clauses = tuple(ValueClause(place, "text", values) for place in places)
        return clauses[0] if len(clauses) == 1 else AnyClause(clauses)

    def _versions(self, parameter: Parameter, texts: Sequence[str]) -> Clause:
        """Return the clause about canonicals of any version, or of one that begins with what stands behind the bar.

        Spec: https://hl7.org/fhir/R4/search.html#versions
        """
        values = parse_values(parameter, texts, self.reading)
        partial = tuple(value for value in values if isinstance(value, ReferenceValue) and value.version)
        others = tuple(value for value in values if value not in partial)
        clauses = [ValueClause(parameter, "versions", partial)] if partial else []
        clauses += [ValueClause(parameter, None, others)] if others else []
        return clauses[0] if len(clauses) == 1 else AnyClause(tuple(clauses))

    def _in_hierarchy(self, parameter: Parameter, text: str) -> ReferenceValue:
        """Return a reference with the parameters that make a hierarchy of its types.

        Spec: https://hl7.org/fhir/R4/search.html#recursive
        """
        value = parse_value(parameter, text, self.reading)
        candidates = value.candidates if isinstance(value, ReferenceValue) else ()
        kinds = {candidate.partition("/")[0] for candidate in candidates}
        parents = tuple(
            found
            for kind in sorted(kinds & self.definitions.resource_types)
            for code in HIERARCHIES
            if (found := self.definitions.parameter(kind, code)) is not None and kind in found.targets
        )
        if not isinstance(value, ReferenceValue) or not parents:
            names = " or ".join(f"'{code}'" for code in HIERARCHIES)
            raise bad_value(parameter.code, f"a resource of a type with a parameter {names} for ':above' or ':below'")
        return replace(value, parents=parents)

    def _check_modifier(self, parameter: Parameter, modifier: str | None) -> None:
        known: Sequence[str] = MODIFIERS[parameter.type] if not parameter.by_sound else ("missing",)
        if "Identifier" not in parameter.element_types:
            known = [name for name in known if name != "of-type"]
        if parameter.type == "token" and not parameter.texts:
            known = [name for name in known if name != "text"]
        if modifier is None or modifier in known:
            return
        if parameter.type == "reference" and modifier in self.definitions.resource_types:
            if may_target(parameter, modifier):
                return
            known = (*known, *parameter.targets)
        raise unsupported_modifier(parameter.code, modifier, known or ("no modifier",))

    def _with_version(self, clause: ValueClause) -> tuple[Clause, ...]:
        """Split ``url=http://…|2.0`` into the url and the business version.

        Spec: https://hl7.org/fhir/R4/search.html#uri
        """
        parameter = clause.parameter
        versions = self.definitions.parameter(parameter.resource_type, "version")
        if parameter.type != "uri" or parameter.code != "url" or versions is None or clause.modifier is not None:
            return (clause,)
        uris = [value.uri for value in clause.values if isinstance(value, UriValue)]
        if not any("|" in uri for uri in uris):
            return (clause,)
        found: list[tuple[Clause, ...]] = []
        for uri in uris:
            url, bar, version = uri.partition("|")
            named = ValueClause(parameter, None, (UriValue(url),))
            found.append((named, *self.clauses(versions, None, version)) if bar and version else (named,))
        return found[0] if len(found) == 1 else (AnyClause(tuple(map(together, found))),)


def is_missing(code: str, value: str) -> bool:
    """Read the value of ``:missing``."""
    if value not in {"true", "false"}:
        raise bad_value(f"{code}:missing", "'true' or 'false'")
    return value == "true"


def together(clauses: Sequence[Clause]) -> Clause:
    """Return the clause that all *clauses* hold."""
    return clauses[0] if len(clauses) == 1 else AllClause(tuple(clauses))


def may_target(parameter: Parameter, resource_type: str) -> bool:
    """Tell whether a reference parameter can point at a type."""
    return not parameter.targets or resource_type in parameter.targets or "Resource" in parameter.targets
