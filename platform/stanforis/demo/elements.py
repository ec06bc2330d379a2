"""Small builders of R4 data types as plain JSON trees.

Spec: https://hl7.org/fhir/R4/datatypes.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stanforis.demo.concepts import UCUM, Concept

Tree = dict[str, Any]

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


def coding(concept: Concept, *, display: bool = True) -> Tree:
    """Return a Coding, with or without its display."""
    tree: Tree = {"system": concept.system, "code": concept.code}
    if display:
        tree["display"] = concept.display
    return tree


def codeable(concept: Concept, *, text: bool = True) -> Tree:
    """Return a CodeableConcept of one coding; its text repeats the display unless *text* is false."""
    tree: Tree = {"coding": [coding(concept)]}
    if text:
        tree["text"] = concept.display
    return tree


def term(name: str, code: str, display: str | None = None) -> Tree:
    """Return a CodeableConcept of an HL7 code system, given by the last part of its URL."""
    tree = {"system": TERMINOLOGY + name, "code": code}
    if display is not None:
        tree["display"] = display
    return {"coding": [tree]}


def refer(reference: str, display: str | None = None) -> Tree:
    """Return a Reference."""
    return {"reference": reference} if display is None else {"reference": reference, "display": display}


def quantity(value: float, unit: str) -> Tree:
    """Return a Quantity in a UCUM unit."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def money(value: float, currency: str) -> Tree:
    """Return Money."""
    return {"value": value, "currency": currency}


def period(start: str, end: str | None = None) -> Tree:
    """Return a Period, open at its end unless *end* is given."""
    return {"start": start} if end is None else {"start": start, "end": end}


def narrative(content: str) -> Tree:
    """Return a generated Narrative around XHTML *content*."""
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>'}


def profiled(profile: str | None, tags: Sequence[Tree]) -> Tree:
    """Return a Meta that claims *profile*."""
    meta: Tree = {}
    if profile is not None:
        meta["profile"] = [profile]
    if tags:
        meta["tag"] = list(tags)
    return meta
