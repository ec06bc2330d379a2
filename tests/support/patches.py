"""Short ways to write FHIRPath Patches."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]


def operation(kind: str, path: str, *, name: str | None = None, value: Tree | None = None, **numbers: int) -> Tree:
    """Return one operation; *value* is the content of its part, such as ``{"valueCode": "male"}``."""
    parts: list[Tree] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if name is not None:
        parts.append({"name": "name", "valueString": name})
    if value is not None:
        parts.append({"name": "value", **value})
    parts += [{"name": key, "valueInteger": number} for key, number in numbers.items()]
    return {"name": "operation", "part": parts}


def parameters(*operations: Tree) -> Tree:
    """Return a FHIRPath Patch."""
    return {"resourceType": "Parameters", "parameter": list(operations)}
