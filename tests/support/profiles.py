"""Small profiles that a test writes down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROFILE = "http://example.org/profile"
_TYPES = "http://hl7.org/fhir/StructureDefinition/"


def profile(
    type_name: str, elements: Mapping[str, Any], *, url: str = PROFILE, base: str | None = None
) -> dict[str, Any]:
    """Return a profile with a differential only.

    Args:
        type_name: the type it constrains.
        elements: ElementDefinitions by id without the type: ``identifier:fosa.system``; ``""`` is the root.
        url: its canonical.
        base: canonical of its base; the type itself where there is none.
    """
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Profile",
        "status": "draft",
        "kind": "resource" if type_name[0].isupper() else "primitive-type",
        "abstract": False,
        "type": type_name,
        "baseDefinition": base or _TYPES + type_name,
        "derivation": "constraint",
        "differential": {"element": [_element(f"{type_name}.{at}".rstrip("."), elements[at]) for at in elements]},
    }


def extension(url: str, elements: Mapping[str, Any], *contexts: str, **more: Any) -> dict[str, Any]:
    """Return the definition of an extension that may stand at some elements, anywhere if none is given."""
    context = [{"type": "element", "expression": expression} for expression in contexts or ("Element",)]
    return {**profile("Extension", {"url": {"fixedUri": url}, **elements}, url=url), "context": context, **more}


def by(kind: str, path: str, rules: str = "open", *, ordered: bool = False) -> dict[str, Any]:
    """Return a ``slicing`` with one discriminator."""
    return {"discriminator": [{"type": kind, "path": path}], "rules": rules, "ordered": ordered}


def _element(element_id: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    steps = [step.partition(":") for step in element_id.split(".")]
    path = ".".join(name for name, _, _ in steps)
    slice_name = steps[-1][2]
    return {"id": element_id, "path": path, **({"sliceName": slice_name} if slice_name else {}), **rules}
