"""References between entries of a transaction, replaced by what their targets are called on this server.

Spec: https://hl7.org/fhir/R4/bundle.html#references, https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from fhir_api.interactions.texts import texts
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.references import parse_restful

_REFERENCE = re.compile(rb'"reference":"([^"\\]+)"')
_NARRATIVE_LINK = re.compile(r'((?:href|src)=")([^"]+)(")')
_LINK_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Links:
    """What each fullUrl of a transaction became, ``Type/id``."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = targets
        self._urns = any(full_url.startswith("urn:") for full_url in targets)

    def resolve(self, reference: str, full_url: str | None) -> str | None:
        """Return what *reference*, found in the entry *full_url*, points at inside the transaction; None if outside."""
        found = self._targets.get(reference)
        if found is not None or reference.startswith("urn:") or full_url is None:
            return found
        plain, _, fragment = reference.partition("#")
        restful, own = parse_restful(plain), parse_restful(full_url)
        if restful is None or restful.base is not None or own is None or own.base is None:
            return None
        # a relative reference is relative to the base of the entry's own fullUrl
        found = self._targets.get(f"{own.base}/{restful.key}")
        return f"{found}#{fragment}" if found and fragment else found

    def rewrite(self, text: bytes, full_url: str | None, place: int) -> bytes:
        """Return a resource's compact JSON with its references replaced.

        Raises:
            FhirError: UNPROCESSABLE for a ``urn:uuid:`` or ``urn:oid:`` reference that no entry answers.
        """
        replaced = 0

        def replace(match: re.Match[bytes]) -> bytes:
            nonlocal replaced
            reference = match[1].decode()
            found = self.resolve(reference, full_url)
            if found is None:
                _refuse_dangling(reference, place)
                return match[0]
            replaced += 1
            return b'"reference":"%b"' % found.encode()

        rewritten = _REFERENCE.sub(replace, text)
        # what is left may stand in a uri, or in a link of the narrative: rare, so these are looked for by type
        if self._urns and (rewritten.count(b"urn:uuid:") or rewritten.count(b"urn:oid:")):
            return self._rewrite_by_type(rewritten, full_url)
        return rewritten

    def _rewrite_by_type(self, text: bytes, full_url: str | None) -> bytes:
        tree = _DECODER.decode(text)

        def link(value: str) -> str:
            return self.resolve(value, full_url) or value

        changed = False
        for holder, key, kind in list(texts(tree)):
            value = holder[key]
            if kind in _LINK_TYPES:
                holder[key] = link(value)
            elif kind == "xhtml":
                holder[key] = _NARRATIVE_LINK.sub(lambda match: f"{match[1]}{link(match[2])}{match[3]}", value)
            changed = changed or holder[key] != value
        return _ENCODER.encode(tree) if changed else text


def _refuse_dangling(reference: str, place: int) -> None:
    if reference.startswith(("urn:uuid:", "urn:oid:")):
        raise refuse(
            ErrorKind.UNPROCESSABLE,
            "A reference inside the transaction points at a fullUrl that no entry has.",
            code="not-found",
            expression=f"Bundle.entry[{place}].resource",
        )
