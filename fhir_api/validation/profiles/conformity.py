"""Profiles that the type of an element names, and the targets of references.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.profile
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conformance.types import Element, is_subtype, nodes
from fhir_api.fhirpath import typed_only
from fhir_api.fhirpath.plan import Scope
from fhir_api.fhirpath.references import resolved
from fhir_api.validation.profiles.elements import ElementTree
from fhir_api.validation.profiles.merging import TYPE_PREFIX
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Check, Json, Run

_POINTERS = frozenset({"Reference", "canonical"})


def type_checks(tree: ElementTree, element: Element | None, profile: str) -> Iterator[Check]:
    """Yield the checks of what the types of an element demand beyond those of R4's own definition."""
    before = {kind.code: kind for kind in element.types} if element else {}
    codes = [kind["code"] for kind in tree.types]
    if codes and element and _is_narrowed(codes, element):
        yield _narrowed(tuple(codes), profile)
    for kind in tree.types:
        code = kind["code"]
        own = tuple(kind.get("profile", ()))
        if own and set(own) != set(before[code].profiles if code in before else ()):
            yield _conforming(code, own, profile)
        targets = tuple(kind.get("targetProfile", ()))
        if code == "Reference" and targets and (code not in before or not _are(targets, before[code].target_profiles)):
            yield _pointing(targets, profile)
        ways = frozenset(kind.get("aggregation", ()))
        if code == "Reference" and ways:
            yield _aggregating(ways, profile)


def _is_narrowed(codes: list[str], element: Element) -> bool:
    if any(code.startswith("http:") for code in codes):
        return False
    before = {kind.code for kind in element.types}
    return (element.is_choice or before <= {"Resource", "DomainResource"}) and not before <= set(codes)


def _are(targets: Iterable[str], names: Iterable[str]) -> bool:
    return {target.removeprefix(TYPE_PREFIX) for target in targets} == set(names)


def _narrowed(codes: tuple[str, ...], profile: str) -> Check:
    expected = " or ".join(codes)

    def check(_value: Json, kind: str, place: Place, run: Run) -> None:
        if kind not in codes and not any(is_subtype(kind, code) for code in codes):
            run.error("structure", f"Found the type {kind}, expected {expected} (profile {profile}).", place, "type")

    return check


def _conforming(code: str, canonicals: tuple[str, ...], profile: str) -> Check:
    if len(canonicals) == 1:
        canonical = canonicals[0]

        unknown = f"The profile {canonical}, which the profile {profile} asks for here, is not known."

        def check_one(value: Json, kind: str, place: Place, run: Run) -> None:
            if not is_subtype(kind, code) and kind != code:
                return
            if run.profiles.knows(canonical):
                run.profiles.apply(canonical, value, kind, place, run)
            else:
                run.error("not-found", unknown, place, "profile-unknown")

        return check_one
    text = f"Expected an element that conforms to one of {', '.join(canonicals)} (profile {profile})."

    def check_any(value: Json, kind: str, place: Place, run: Run) -> None:
        if (is_subtype(kind, code) or kind == code) and not _conforms_to_any(value, kind, canonicals, run):
            run.error("structure", text, place, "profile")

    return check_any


def _conforms_to_any(value: Json, kind: str, canonicals: Sequence[str], run: Run) -> bool:
    return any(run.profiles.holds(canonical, value, kind, run) is not False for canonical in canonicals)


def resolve(value: Json, run: Run) -> Json | None:
    """Return the resource that a Reference (or text) leads to: contained, in the Bundle, or given by the resolver."""
    reference = value.get("reference") if type(value) is dict else value
    if type(reference) is not str:
        return None
    return resolved(reference, Scope(run.environment, value, run.resource, run.root))


def _pointing(targets: tuple[str, ...], profile: str) -> Check:
    text = f"expected one of {', '.join(targets)} (profile {profile})."

    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        if kind != "Reference":
            return
        target = resolve(value, run)
        if target is not None:
            found = target.get("resourceType", "")
            if not any(_is_target(target, found, canonical, run) for canonical in targets):
                run.error(
                    "structure", f"The reference leads to a {found} that does not conform, {text}", place, "target"
                )
            return
        shown = _shown_type(value)
        if shown is not None and not any(_may_be(shown, canonical, run) for canonical in targets):
            run.error("structure", f"The reference leads to a {shown}, {text}", place, "target")

    return check


def _is_target(target: Json, found: str, canonical: str, run: Run) -> bool:
    type_name = _type_named(canonical)
    if type_name is not None:
        return is_subtype(found, type_name)
    if not _may_be(found, canonical, run):
        return False
    return run.profiles.holds(canonical, target, found, run) is not False


def _may_be(found: str, canonical: str, run: Run) -> bool:
    type_name = _type_named(canonical) or run.profiles.type_of(canonical)
    return type_name is None or is_subtype(found, type_name)


def _type_named(canonical: str) -> str | None:
    name = canonical.partition("|")[0].removeprefix(TYPE_PREFIX)
    return name if name in nodes() else None


def _shown_type(reference: Json) -> str | None:
    """Return the resource type that a Reference states by itself."""
    stated = reference.get("type")
    if stated in nodes():
        return str(stated)
    literal = reference.get("reference")
    shown = typed_only(literal) if type(literal) is str else None
    return None if shown is None else shown["resourceType"]


def _aggregating(ways: frozenset[str], profile: str) -> Check:
    text = f"Expected a reference that is {' or '.join(sorted(ways))} (profile {profile})."

    def check(value: Json, kind: str, place: Place, run: Run) -> None:
        literal = value.get("reference") if kind == "Reference" else None
        if type(literal) is not str:
            return
        if ("contained" in ways and literal[:1] == "#") or ("referenced" in ways and literal[:1] != "#"):
            return
        if "bundled" not in ways or literal[:1] == "#" or resolve(value, run) is None:
            run.error("structure", text, place, "aggregation")

    return check
