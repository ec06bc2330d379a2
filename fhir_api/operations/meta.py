"""``$meta``, ``$meta-add``, ``$meta-delete``: profiles, tags and security labels.

Spec: https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from __future__ import annotations

from typing import Any

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.read import read
from fhir_api.operations.operation import Answer, Call


async def meta(context: Context, call: Call) -> Answer:
    """Answer ``$meta``."""
    version = await read(context.store, call.key)
    return _returned(orjson.loads(version.resource()).get("meta", {}))


def _returned(found: dict[str, Any]) -> Answer:
    parameter = {"name": "return", "valueMeta": found}
    return Answer(orjson.dumps({"resourceType": "Parameters", "parameter": [parameter]}))
