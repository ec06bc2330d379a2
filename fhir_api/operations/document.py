"""``Composition/$document``: a Composition with all it refers to, as a document Bundle.

Spec: https://hl7.org/fhir/R4/composition-operation-document.html, https://hl7.org/fhir/R4/documents.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import orjson

from fhir_api.interactions.context import Context
from fhir_api.interactions.create import create
from fhir_api.interactions.preparing import check
from fhir_api.interactions.read import read
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.model.keys import ResourceKey, is_logical_id
from fhir_api.model.outcome import Issue
from fhir_api.model.references import parse_restful
from fhir_api.model.resource import parse_compact
from fhir_api.model.versions import StoredVersion, instant
from fhir_api.operations.operation import Answer, Call, Level
from fhir_api.operations.record import Record
from fhir_api.operations.seen import Seen
from fhir_api.operations.supports import current, supports

_COMPOSITION = "Composition"
_NOT_CONTENT = frozenset({"contained", "relatesTo"})
"""Elements whose references lead to no part of the document."""


async def document(context: Context, call: Call) -> Answer:
    """Answer ``$document``; with ``persist=true`` the Bundle is stored, too.

    Raises:
        FhirError: NOT_FOUND, DELETED; UNPROCESSABLE where the Composition refers to what is not here, or the document
            breaks a rule of Bundles; MALFORMED, NOT_SUPPORTED for the parameters.
    """
    if call.arguments.one("graph") is not None:
        raise refuse(ErrorKind.NOT_SUPPORTED, "The parameter 'graph' is not supported.")
    composition = await read(context.store, _key(context, call))
    tree = orjson.loads(composition.body)
    direct = await _direct(context, tree)
    subject = _target(context, tree.get("subject", {}))
    patients = frozenset({str(subject)}) if subject is not None else frozenset()
    record = Record(_COMPOSITION, (composition.key,), patients, is_followed=True)
    indirect = await supports(context, record, direct, Seen())
    bundle = parse_compact(_bundle(context.base_url, [composition, *direct, *indirect]))
    try:
        check(context, bundle)
    except FhirError as error:
        # the request is sound, what is stored is not
        raise FhirError(ErrorKind.UNPROCESSABLE, *error.issues) from None
    if not call.arguments.value("persist"):
        return Answer(bundle.text)
    stored = (await create(context, bundle, expected_type="Bundle")).version
    return Answer(bundle.text if stored is None else stored.resource(), stored=stored)


def _key(context: Context, call: Call) -> ResourceKey:
    """Return which Composition is asked for: by the URL, or by the parameter ``id``.

    Raises:
        FhirError: MALFORMED, NOT_SUPPORTED.
    """
    asked = call.arguments.value("id")
    if call.level is Level.INSTANCE:
        if asked is not None:
            raise refuse(ErrorKind.MALFORMED, "The parameter 'id' has no place beside the id in the URL.")
        return call.key
    if asked is None:
        raise refuse(ErrorKind.MALFORMED, "The parameter 'id' is needed here.", code="required")
    if is_logical_id(asked):
        return ResourceKey(_COMPOSITION, asked)
    found = _target(context, {"reference": asked})
    if found is None or found.resource_type != _COMPOSITION:
        raise refuse(ErrorKind.NOT_SUPPORTED, "The parameter 'id' has to name a Composition of this server.")
    return found


async def _direct(context: Context, composition: dict[str, Any]) -> list[StoredVersion]:
    """Return what the Composition itself refers to, each once, in order.

    Raises:
        FhirError: UNPROCESSABLE with each place whose resource is not here.
    """
    content = {name: value for name, value in composition.items() if name not in _NOT_CONTENT}
    targets = {place: _target(context, reference) for place, reference in _references(content, _COMPOSITION)}
    keys = dict.fromkeys(key for key in targets.values() if key is not None)
    found = {version.key: version for version in await current(context, [*keys])}
    missing = [place for place, key in targets.items() if key is None or key not in found]
    if missing:
        diagnostics = "The document needs a resource that is not on this server."
        issues = [Issue("error", "not-found", diagnostics, (place,)) for place in missing]
        raise FhirError(ErrorKind.UNPROCESSABLE, *issues)
    return [found[key] for key in keys]


def _references(tree: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the literal references in *tree* that lead out of it, with their places."""
    if isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _references(item, f"{place}[{number}]")
    elif isinstance(tree, dict):
        text = tree.get("reference")
        if isinstance(text, str) and not text.startswith("#"):
            yield place, tree
        for name, value in tree.items():
            if isinstance(value, dict | list):
                yield from _references(value, f"{place}.{name}")


def _target(context: Context, reference: dict[str, Any]) -> ResourceKey | None:
    """Return the resource of this server that a reference names; None for any other."""
    found = parse_restful(reference.get("reference", ""))
    if found is None or found.base not in (None, context.base_url):
        return None
    return found.key if context.rules.is_resource_type(found.key.resource_type) else None


def _bundle(base_url: str, versions: Sequence[StoredVersion]) -> bytes:
    identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid4()}"}
    timestamp = instant(int(time.time() * 1000))
    entries = [
        b'{"fullUrl":"%b/%b","resource":%b}' % (base_url.encode(), str(v.key).encode(), v.resource()) for v in versions
    ]
    return b'{"resourceType":"Bundle","identifier":%b,"type":"document","timestamp":"%b","entry":[%b]}' % (
        orjson.dumps(identifier),
        timestamp.encode(),
        b",".join(entries),
    )
