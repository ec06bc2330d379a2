"""Searchset and history Bundles, joined from stored bytes that nobody parses.

Spec: https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/R4/http.html#paging
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import time

import orjson

from fhir_api.model.keys import new_logical_id
from fhir_api.model.outcome import Issue, operation_outcome
from fhir_api.model.versions import Change, StoredVersion, instant
from fhir_api.rest.paging import Link
from fhir_api.rest.subset import Show, whole
from fhir_api.store.port import ContainedMatch, Page

_MATCH = b',"search":{"mode":"match"}}'
_SCORED = b',"search":{"mode":"match","score":1}}'
_INCLUDE = b',"search":{"mode":"include"}}'


def searchset(
    base_url: str,
    page: Page,
    shows: tuple[Show, Show],
    links: Iterable[Link],
    issues: Sequence[Issue] = (),
    *,
    is_scored: bool = False,
) -> bytes:
    """Return the searchset Bundle of *page*; *issues* become an entry of mode ``outcome``.

    *shows* are how matches are shown, and what is included: ``_elements`` does not apply to that. *is_scored*: each
    match says how well it fits.
    """
    match_mode = _SCORED if is_scored else _MATCH
    fulls = f'{{"fullUrl":"{base_url}/'
    entries = [_found(fulls, version, shows[0], match_mode) for version in page.matches]
    entries += [_inside(fulls, match, shows[0], match_mode) for match in page.contained]
    entries += [_found(fulls, version, shows[1], _INCLUDE) for version in page.included]
    if issues:
        entries.append(b'{"resource":%b,"search":{"mode":"outcome"}}' % operation_outcome(issues))
    return _bundle(b"searchset", page.total, links, entries)


def history(base_url: str, page: Page, show: Show, links: Iterable[Link]) -> bytes:
    """Return the history Bundle of *page*, newest first."""
    return _bundle(b"history", page.total, links, [_past(base_url, version, show) for version in page.matches])


def _bundle(kind: bytes, total: int | None, links: Iterable[Link], entries: list[bytes]) -> bytes:
    parts = [b'{"resourceType":"Bundle","id":"%b","type":"%b"' % (new_logical_id().encode(), kind)]
    parts.append(f',"timestamp":"{instant(int(time() * 1000))}"'.encode())
    if total is not None:
        parts.append(b',"total":%d' % total)
    written = [b'{"relation":"%b","url":%b}' % (relation.encode(), orjson.dumps(url)) for relation, url in links]
    if written:
        parts.append(b',"link":[%b]' % b",".join(written))
    if entries:
        parts.append(b',"entry":[%b]' % b",".join(entries))
    parts.append(b"}")
    return b"".join(parts)


def _found(fulls: str, version: StoredVersion, show: Show, mode: bytes) -> bytes:
    resource_type, logical_id = version.key
    head = f'{fulls}{resource_type}/{logical_id}","resource":'
    if show is whole:
        # nearly always: then the body is copied once here, not three times
        start, rest = version.pieces(head)
        return b"".join((start, rest, mode))
    return b"%b%b%b" % (head.encode(), show(resource_type, version.resource()), mode)


def _inside(fulls: str, match: ContainedMatch, show: Show, mode: bytes) -> bytes:
    """Return the entry of a contained resource, whose address is that of its container and its id.

    Spec: https://hl7.org/fhir/R4/search.html#contained
    """
    head = f'{fulls}{match.container}#{match.id}","resource":'
    return b"%b%b%b" % (head.encode(), show(match.resource_type, match.body), mode)


def _past(base_url: str, version: StoredVersion, show: Show) -> bytes:
    key = version.key
    resource = b"" if version.is_deletion else b'"resource":%b,' % show(key.resource_type, version.resource())
    url = key.resource_type if version.change is Change.CREATE else str(key)
    tail = (
        f'"request":{{"method":"{version.change.method}","url":"{url}"}},'
        f'"response":{{"status":"{_status(version)}","etag":"W/\\"{version.version_id}\\"",'
        f'"lastModified":"{instant(version.last_updated)}"}}}}'
    )
    return b'{"fullUrl":"%b/%b",%b%b' % (base_url.encode(), str(key).encode(), resource, tail.encode())


def _status(version: StoredVersion) -> str:
    if version.is_deletion:
        return "204"
    return "201" if version.version_id == 1 else "200"
