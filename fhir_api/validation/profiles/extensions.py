"""Extensions, wherever they stand in a resource: known, in their place, and of the content their definition says.

Spec: https://hl7.org/fhir/R4/extensibility.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fhir_api.fhirpath import model
from fhir_api.validation.profiles.contexts import AMENDED, Holder, Invariant, context_invariant, held, is_in_context
from fhir_api.validation.profiles.elements import ElementTree
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Json, OtherProfiles, Run
from fhir_api.validation.profiles.values import stated

_MODIFIERS: Final = "modifierExtension"
_KEYS: Final = frozenset({"extension", _MODIFIERS})
_KEPT: Final = 4096
_EXAMPLES: Final = re.compile(r"https?://([\w-]+\.)*(example|acme)\.(org|com)(/|$)")
"""Domains that the specification uses in examples; nobody defines anything there."""
_OF_HL7: Final = "http://hl7.org/fhir/"
"""Later versions and packs define extensions there for R4, too: one that is not known need not be wrong."""
_DEFINED: Final = re.compile(r".+/StructureDefinition/[A-Za-z0-9\-.]+")
"""A URL that says that there is a definition behind it, as a server of definitions names them."""


class _Rules(NamedTuple):
    """What a definition says about the place of an extension.

    Attributes:
        contexts: ``StructureDefinition.context``.
        invariants: by expression.
        is_modifier: whether it changes the meaning of what holds it; None where that cannot be told.
        parts: urls of the extensions in it; None where that cannot be told.
    """

    contexts: tuple[Mapping[str, Any], ...]
    invariants: tuple[tuple[str, Invariant], ...]
    is_modifier: bool | None
    parts: frozenset[str] | None


class Extensions:
    """Checks the extensions of resources; definitions are read when first met, and kept."""

    def __init__(self, profiles: OtherProfiles) -> None:
        self._profiles = profiles
        self._rules: dict[str, _Rules | None] = {}

    def check(self, run: Run, place: Place, *, is_strict: bool) -> None:
        """Leave in a run what is wrong with the extensions of its resource and of all resources in it.

        Args:
            run: over the resource.
            place: where the resource stands.
            is_strict: whether an extension that is not known is an error.
        """
        if _has_extensions(run.resource):
            self._resource(run.resource, place, run, is_strict)

    def _resource(self, resource: Json, place: Place, run: Run, is_strict: bool) -> None:
        kind = resource.get("resourceType", "")
        self._element(Holder(None, kind, kind, resource, place), run, is_strict)

    def _element(self, holder: Holder, run: Run, is_strict: bool) -> None:
        members = held(holder.kind)
        for key, value in holder.value.items():
            if key in _KEYS:
                self._extensions(key, value, holder, run, is_strict)
            elif key in members:
                name, kind = members[key]
                step = name.removesuffix("[x]")
                if type(value) is dict:
                    self._below(Holder(holder, name, kind, value, Place(holder.place, step)), run, is_strict)
                elif type(value) is list:
                    for index, item in enumerate(value):
                        if type(item) is dict:
                            below = Holder(holder, name, kind, item, Place(holder.place, step, index))
                            self._below(below, run, is_strict)

    def _below(self, holder: Holder, run: Run, is_strict: bool) -> None:
        if holder.kind != model.RESOURCE:
            self._element(holder, run, is_strict)
            return
        inner = run.within(holder.value, is_contained=holder.name == "contained")
        self._resource(holder.value, holder.place, inner, is_strict)
        run.issues += inner.issues

    def _extensions(self, key: str, values: Json, holder: Holder, run: Run, is_strict: bool) -> None:
        for index, extension in enumerate(values if type(values) is list else ()):
            url = extension.get("url") if type(extension) is dict else None
            if type(url) is not str:
                continue
            here = Holder(holder, key, "Extension", extension, Place(holder.place, key, index))
            if holder.kind == "Extension" and ":" not in url:
                self._part(url, here, run)
            else:
                self._extension(url, here, run, is_strict)
            self._element(here, run, is_strict)

    def _extension(self, url: str, here: Holder, run: Run, is_strict: bool) -> None:
        holder = here.above
        rules = self._rules_of(url)
        if holder is None:
            return
        if rules is None:
            is_error = _is_needed(url, here.name, is_strict=is_strict)
            text = f"The extension {url} is not known."
            run.add("error" if is_error else "warning", "extension", text, here.place, "extension-unknown")
            return
        if rules.is_modifier is not None and rules.is_modifier != (here.name == _MODIFIERS):
            where = _MODIFIERS if rules.is_modifier else "extension"
            text = f"Found the extension {url} in '{here.name}', expected it in '{where}'."
            run.error("extension", text, here.place, "extension-modifier")
        if not any(is_in_context(context, holder, run) for context in rules.contexts):
            allowed = ", ".join(str(context.get("expression")) for context in rules.contexts)
            text = f"Found the extension {url} at {holder.kind}, expected it at: {allowed}."
            run.error("extension", text, here.place, "extension-context")
        for expression, is_kept in rules.invariants:
            if not is_kept(holder, here.value, run):
                text = f"The extension {url} may stand only where this is true: {expression}"
                run.error("extension", text, here.place, "extension-context")
        self._profiles.apply(url, here.value, "Extension", here.place, run)

    def _part(self, url: str, here: Holder, run: Run) -> None:
        """Check a relative url: it names a part of the extension around it, whose definition says what it is."""
        whole = here.above.value.get("url") if here.above else None
        rules = self._rules_of(whole) if type(whole) is str and ":" in whole else None
        if rules is not None and rules.parts is not None and url not in rules.parts:
            run.error("extension", f"The extension {whole} has no part of that url.", here.place, "extension-part")

    def _rules_of(self, url: str) -> _Rules | None:
        if url not in self._rules:
            if len(self._rules) >= _KEPT:
                self._rules.clear()
            self._rules[url] = self._read(url)
        return self._rules[url]

    def _read(self, url: str) -> _Rules | None:
        definition = self._profiles.definition(url)
        if definition is None or definition.get("type") != "Extension":
            return None
        contexts = (*definition.get("context", ()), *_amended(url))
        invariants = tuple((text, context_invariant(text)) for text in definition.get("contextInvariant", ()))
        root = self._profiles.root(url)
        is_modifier = None if root is None else bool(root.rules.get("isModifier"))
        return _Rules(contexts, invariants, is_modifier, None if root is None else _parts(root))


def _parts(root: ElementTree) -> frozenset[str] | None:
    """Return the urls of the extensions in an extension, None where its definition leaves that open."""
    slices = root.children["extension"].slices.values() if "extension" in root.children else ()
    urls = [stated(each.children["url"].rules, "fixed") if "url" in each.children else None for each in slices]
    return frozenset(url for url in urls if url) if urls and all(urls) else None


def _is_needed(url: str, name: str, *, is_strict: bool) -> bool:
    """Tell whether the definition of an extension has to be known."""
    if _EXAMPLES.match(url):
        return False
    return name == _MODIFIERS or (is_strict and not url.startswith(_OF_HL7) and _DEFINED.fullmatch(url) is not None)


def _amended(url: str) -> Iterator[dict[str, str]]:
    return ({"type": "element", "expression": expression} for expression in AMENDED.get(url, ()))


def _has_extensions(tree: Json) -> bool:
    """Tell whether there is an extension anywhere: most resources have none, which is told quickly."""
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if type(here) is dict:
            if not _KEYS.isdisjoint(here):
                return True
            waiting += [value for value in here.values() if type(value) is dict or type(value) is list]
        else:
            waiting += [value for value in here if type(value) is dict]
    return False
