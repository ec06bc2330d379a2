"""Consents, and what they withhold by a reading that looks at one resource and compiles nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

import orjson

from fhir_api.access.caller import Caller
from fhir_api.access.consents import read_consent
from fhir_api.access.judging import Judge
from fhir_api.access.withholding import ConsentsInForce
from fhir_api.model.versions import Change, StoredVersion
from identity.access.scopes.permissions import compile_scope
from tests.support.stores import DEFINITIONS, Tree, key_of

NOW = 1_790_000_000_000
"""2026-09-21, milliseconds since 1970."""
NO, MAYBE, YES = 0, 1, 2
PURPOSES = {"BTG": ("ETREAT", "TREAT"), "ETREAT": ("TREAT",), "CLINTRCH": ("HRESCH",)}
"""What the purposes of tests belong to."""
LEVELS = "ULMNRV"
WHAT = {"Observation": "code", "Condition": "code", "Immunization": "vaccineCode", "MedicationRequest": "medication"}


def reader(**about: Any) -> Caller:
    """Return somebody whom scopes allow everything."""
    return Caller(1, subject="s", permissions=compile_scope("user/*.cruds"), **about)


def a_consent(provision: Tree | None = None, *, rule: str = "OPTIN", patient: str = "a", **elements: Any) -> Tree:
    """Return an active consent about privacy."""
    return {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"coding": [{"code": rule}]},
        **({} if provision is None else {"provision": provision}),
        **elements,
    }


def is_withheld(consents: Iterable[Tree], caller: Caller, resource: Tree) -> bool:
    """Tell whether the server withholds *resource* from *caller*."""
    read = [consent for each in consents if (consent := read_consent(each)) is not None]
    clause = ConsentsInForce(read, DEFINITIONS, NOW).narrowing(caller, resource["resourceType"])
    key = key_of(f"{resource['resourceType']}/{resource['id']}")
    version = StoredVersion(key, 1, NOW, Change.CREATE, orjson.dumps(resource))
    return not Judge(clause, UTC).fits(version)


def is_withheld_plainly(consent: Tree, caller: Caller, resource: Tree) -> bool:
    """Tell the same of one consent by going through it."""
    root = consent.get("provision") or {}
    opts_out = consent["policyRule"]["coding"][0]["code"] == "OPTOUT"
    if opts_out and root.get("type") == "permit":
        root = {"type": "deny", "provision": [root]}
    return _decided({"type": "deny" if opts_out else "permit", **root}, caller, resource)[0]


def _decided(provision: Tree, caller: Caller, resource: Tree) -> tuple[bool, bool]:
    """Return whether a provision withholds a resource, and whether it gives it."""
    fits = min((max(alternatives) for alternatives in _criteria(provision, caller, resource)), default=YES)
    if fits == NO:
        return False, False
    inner = [_decided({"type": "deny", **each}, caller, resource) for each in provision.get("provision", ())]
    is_denied = any(denied for denied, _ in inner)
    is_given = any(given for _, given in inner) and not is_denied
    if provision["type"] == "deny":
        return not is_given, False
    return is_denied, fits == YES and not is_denied


def _criteria(provision: Tree, caller: Caller, resource: Tree) -> Iterator[list[int]]:
    """Yield how well each alternative of each criterion fits."""
    period = provision.get("period", {})
    yield [YES if period.get("start", "0") <= "2026-09-21" <= period.get("end", "9") else NO]
    stated = caller.purpose or "TREAT"
    if "purpose" in provision:
        held = {stated, *PURPOSES.get(stated, ())}
        yield [YES if each["code"] in held else NO for each in provision["purpose"]]
    if "actor" in provision:
        yield [_is_actor(each, caller) for each in provision["actor"]]
    if "action" in provision:
        yield [YES if each["coding"][0]["code"] == "access" else MAYBE for each in provision["action"]]
    if "dataPeriod" in provision:
        yield [MAYBE]
    if "class" in provision:
        yield [_is_class(each["code"], resource["resourceType"]) for each in provision["class"]]
    if "code" in provision:
        yield [_is_coded(each.get("coding", [{}])[0].get("code"), resource) for each in provision["code"]]
    if "securityLabel" in provision:
        fits = [_is_labelled(each["code"], resource, provision["type"]) for each in provision["securityLabel"]]
        yield [YES if min(fits) == YES else min(max(fits), MAYBE)]
    if "data" in provision:
        yield [_is_meant(each, resource) for each in provision["data"]]


def _is_actor(actor: Tree, caller: Caller) -> int:
    kind, _, logical_id = actor["reference"]["reference"].partition("/")
    if actor["role"]["coding"][0]["code"] == "CST" or kind in ("Group", "PractitionerRole"):
        return MAYBE
    known = caller.organisation if kind == "Organization" else (caller.fhir_user or "").partition("/")[2]
    return MAYBE if not known else YES if known == logical_id else NO


def _is_class(code: str, resource_type: str) -> int:
    return MAYBE if code == "34133-9" else YES if code == resource_type else NO


def _is_coded(code: str | None, resource: Tree) -> int:
    if code is None:
        return MAYBE
    if code in {coding["code"] for concept in _concepts(resource) for coding in concept.get("coding", ())}:
        return YES
    if resource["resourceType"] == "Flag":
        return MAYBE
    what = WHAT.get(resource["resourceType"])
    return MAYBE if what and not any("coding" in each for each in _what(resource, what)) else NO


def _concepts(resource: Tree) -> Iterator[Tree]:
    if resource["resourceType"] != "Flag":
        for name, value in resource.items():
            if name in ("code", "vaccineCode", "medicationCodeableConcept"):
                yield value
            if name in ("category", "reasonCode"):
                yield from value


def _what(resource: Tree, name: str) -> list[Tree]:
    return [value for element, value in resource.items() if element.startswith(name) and "Reference" not in element]


def _is_labelled(code: str, resource: Tree, kind: str) -> int:
    borne = {label["code"] for label in resource.get("meta", {}).get("security", ())}
    if code not in LEVELS:
        return YES if borne & {code, *(("ETHUD",) if code == "SUD" else ())} else NO
    levels = [LEVELS.index(each) for each in borne if each in LEVELS]
    asked = LEVELS.index(code)
    if kind == "permit" and levels and max(levels) <= asked:
        return YES
    return MAYBE if asked <= LEVELS.index("N") or any(level >= asked for level in levels) else NO


def _is_meant(named: Tree, resource: Tree) -> int:
    reference = named["reference"]["reference"]
    itself = reference == f"{resource['resourceType']}/{resource['id']}"
    points = reference.encode() in orjson.dumps({**resource, "id": ""})
    match named["meaning"]:
        case "instance":
            return YES if itself else NO
        case "dependents":
            return YES if itself else MAYBE if points else NO
        case "authoredby":
            return MAYBE if points else NO
        case _:
            return YES if itself else MAYBE
