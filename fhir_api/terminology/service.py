"""What is asked about codes: are they right, what is in a value set, which is above which.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from fhir_api.packages.core import core_library
from fhir_api.packages.library import Definition, Library
from fhir_api.packages.memory import Memory
from fhir_api.terminology.answer import Answer
from fhir_api.terminology.code_system import CodeSystem
from fhir_api.terminology.codes import UNKNOWN, Truth, either
from fhir_api.terminology.composition import compile_value_set
from fhir_api.terminology.contained import ContainedLibrary
from fhir_api.terminology.expansion import Expansion, expand, page
from fhir_api.terminology.implicit import implicit_value_set
from fhir_api.terminology.systems import MALFORMED, CodeSystems
from fhir_api.terminology.translation import Question, Translated, translate, translate_back
from fhir_api.terminology.value_set import CompiledValueSet

_KEPT: Final = 400_000
"""Codes of compiled value sets that are kept, about 0.1 kB each."""
_CUT: Final = 50
"""Characters after which R4 cuts the names of some v3 code systems."""
_DEEPEST: Final = 32
"""Value sets that import each other in a row."""


class Terminology:
    """Answers from the definitions of one library; it compiles each of them once.

    A library whose definitions change needs a new one.
    """

    def __init__(self, library: Library, outer: Terminology | None = None) -> None:
        """Look in *library*, then ask *outer*."""
        self._library = library
        self._outer = outer
        self._systems: CodeSystems = CodeSystems(library, None if outer is None else outer._systems)
        self._memory: Memory[str, CompiledValueSet] = Memory(_KEPT)

    def within(self, container: Definition) -> Terminology:
        """Return a terminology that knows what a resource contains, also as ``#id``, and all that this one knows."""
        return Terminology(ContainedLibrary(container), self) if container.get("contained") else self

    def code_system(self, canonical: str) -> CodeSystem:
        """Return a code system, one without concepts where nothing is known of it.

        Raises:
            NotAtHandError: it has to be fetched first.
        """
        return self._systems.find(canonical)

    def value_set(self, canonical: str) -> CompiledValueSet:
        """Return a value set, one of which nothing is known where there is none.

        Raises:
            NotAtHandError: a definition it is made of has to be fetched first.
        """
        return self._memory.find(canonical) or self._compiled(canonical, ())

    def _compiled(self, canonical: str, above: tuple[str, ...]) -> CompiledValueSet:
        """Return a value set that those *above* it import."""
        known = self._memory.find(canonical)
        if known is not None:
            return known
        if canonical in above or len(above) > _DEEPEST:
            return _unknown(canonical, "is made of itself or of too many others in a row")
        definition = self._definition(canonical)
        if definition is None:
            if self._outer is not None:
                return self._outer._compiled(canonical, above)
            return self._memory.keep(canonical, _unknown(canonical, "is not known"), 1)
        shared = self._shared(canonical, definition)
        if shared is not None:
            return self._memory.keep(canonical, shared, 1)
        inside = self.within(definition)
        try:
            compiled = compile_value_set(
                definition, inside._systems.find, lambda each: inside._compiled(each, (*above, canonical))
            )
        except MALFORMED:
            compiled = _unknown(canonical, "is malformed")
        return self._memory.keep(canonical, compiled, 1 + compiled.size)

    def _shared(self, canonical: str, definition: Definition) -> CompiledValueSet | None:
        """Return a value set of R4 that is the same for all libraries, since all its code systems are R4's as well."""
        core = core_terminology()
        if self is core or definition is not core._library.find("ValueSet", canonical):
            return None
        compiled = core.value_set(canonical)
        return None if compiled.obstacles else compiled

    def _definition(self, canonical: str) -> Definition | None:
        definition = self._library.find("ValueSet", canonical)
        return implicit_value_set(canonical) if definition is None and self._outer is None else definition

    def expand(self, value_set: str, limit: int = 1000, offset: int = 0, *, active_only: bool = False) -> Expansion:
        """Return concepts of a value set, from *offset* on, without inactive ones if *active_only*.

        Raises:
            NotAtHandError: a definition it is made of has to be fetched first.
        """
        return page(self._expanded(value_set), limit, offset, active_only=active_only)

    def _expanded(self, canonical: str) -> Expansion:
        compiled, definition = self.value_set(canonical), self._definition(canonical)
        if definition is not None:
            inside = self.within(definition)
            return expand(definition, compiled, inside.code_system, inside.value_set)
        if self._outer is not None:
            return self._outer._expanded(canonical)
        return Expansion((), is_whole=False, obstacles=compiled.obstacles)

    def contains(self, value_set: str, system: str | None, code: str) -> Truth:
        """Tell whether a code is in a value set, None where it cannot be told; ``validate`` says why.

        Args:
            value_set: canonical, with or without ``|version``.
            system: of the code; None where the element has a code only, so that any system of the value set counts.
            code: to be looked for.

        Raises:
            NotAtHandError: a definition has to be fetched first.
        """
        members = self.value_set(value_set).members
        if system is not None:
            return members.of(system).contains(code)
        found: Truth = members.others.contains(code)
        for codes in members.systems.values():
            found = either(found, codes.contains(code))
        return found

    def validate(
        self, value_set: str, system: str | None, code: str, version: str | None = None, display: str | None = None
    ) -> Answer:
        """Return what is known of a code in a value set.

        Args:
            value_set: canonical, with or without ``|version``.
            system: of the code; None where the element has a code only.
            code: to be looked for.
            version: of the system, as the Coding gives it.
            display: to be compared with the concept's names.

        Raises:
            NotAtHandError: a definition has to be fetched first.
        """
        result = self.contains(value_set, system, code)
        if system is None:
            system = self._system_of(value_set, code)
            if system is None:
                return Answer(result, self._why(value_set, result))
        answer = self.validate_in_system(system, code, display, version)
        if result is False and version is not None and not answer.is_system_known:
            result = None
        is_right = answer.is_display_right
        if is_right is False and display is not None:
            is_right = _is_among(display, self.value_set(value_set).names.get((system, code), ()))
        return answer._replace(
            result=result, message=self._why(value_set, result) or answer.message, is_display_right=is_right
        )

    def _system_of(self, value_set: str, code: str) -> str | None:
        systems = self.value_set(value_set).members.systems
        return next((system for system, codes in systems.items() if codes.contains(code)), None)

    def _why(self, value_set: str, result: Truth) -> str | None:
        if result is True:
            return None
        if result is False:
            return f"The code is not in the value set {value_set}."
        return " ".join(self.value_set(value_set).obstacles) or "The version of the code system is not known."

    def validate_in_system(
        self, system: str, code: str, display: str | None = None, version: str | None = None
    ) -> Answer:
        """Return what is known of a code in its code system.

        Raises:
            NotAtHandError: the code system has to be fetched first.
        """
        known = self._systems.find(f"{system}|{version}" if version else system)
        result = known.contains(code)
        concept = known.concept(code)
        if concept is None:
            return Answer(result, _unlisted(system, result), known.is_known)
        is_right = None
        if display is not None and concept.display is not None:
            is_right = _is_among(display, (concept.display, *concept.designations))
        return Answer(
            result,
            None,
            known.is_known,
            concept.display,
            is_right,
            known.is_inactive(concept),
            known.is_abstract(concept),
        )

    def member_of(self, value_set: str, coded: Any) -> Truth:
        """Tell whether a code, Coding or CodeableConcept (JSON) is in a value set; of several codings one has to be.

        Raises:
            NotAtHandError: a definition has to be fetched first.
        """
        if isinstance(coded, str):
            return self.contains(value_set, None, coded)
        if not isinstance(coded, Mapping):
            return None
        found: Truth = False
        for system, code in _codings(coded):
            found = either(found, self.contains(value_set, system, code))
        return found

    def subsumes(self, general: Any, specific: Any) -> Truth:
        """Tell whether one Coding or CodeableConcept (JSON) is the other or an ancestor of it.

        Raises:
            NotAtHandError: a code system has to be fetched first.
        """
        if not (isinstance(general, Mapping) and isinstance(specific, Mapping)):
            return None
        found: Truth = False
        for system, upper in _codings(general):
            for other, lower in _codings(specific):
                if system is not None and system == other:
                    found = either(found, self._systems.find(system).subsumes(upper, lower))
        return found

    def translate(self, concept_map: str, asked: Question, *, is_reverse: bool = False) -> list[Translated] | None:
        """Return what a ConceptMap makes of a code, None where there is no such map.

        Args:
            concept_map: canonical, with or without ``|version``.
            asked: the code.
            is_reverse: whether *asked* is what the map translates to.

        Raises:
            NotAtHandError: a ConceptMap has to be fetched first.
        """
        definition = self._concept_map(concept_map)
        if definition is None:
            return None
        ask = translate_back(definition, asked) if is_reverse else translate(definition, asked, self._concept_map)
        try:
            return [*ask]
        except MALFORMED:
            return None

    def _concept_map(self, canonical: str) -> Definition | None:
        found = self._library.find("ConceptMap", canonical)
        return self._outer._concept_map(canonical) if found is None and self._outer is not None else found


@cache
def core_terminology() -> Terminology:
    """Return the terminology of R4 itself, one for the process."""
    return Terminology(core_library())


def _unknown(value_set: str, why: str) -> CompiledValueSet:
    return CompiledValueSet(value_set, UNKNOWN, (f"The value set {value_set} {why}.",))


def _unlisted(system: str, result: Truth) -> str | None:
    if result is None:
        return f"The codes of the code system {system} are not known."
    return None if result else f"The code system {system} has no such code."


def _codings(coded: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """Yield system and code of a Coding, or of each coding of a CodeableConcept."""
    codings: Iterable[Mapping[str, Any]] = coded.get("coding", ()) if "code" not in coded else (coded,)
    for coding in codings:
        if isinstance(coding.get("code"), str):
            yield coding.get("system"), coding["code"]


def _is_among(name: str, names: Iterable[str | None]) -> bool:
    """Tell whether a name is one of others, whatever its case and the width of its white space."""
    given = _plain(name)
    known = (_plain(each) for each in names if each is not None)
    return any(given == each or (len(each) >= _CUT and given.startswith(each)) for each in known)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
