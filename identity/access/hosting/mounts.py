"""What an installation answers beside FHIR: sign-in, tokens, and documents about them.

The pages and their framework are imported when they are first asked for: an API process that only serves FHIR does
without them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from stanforis.recent import Recent

from identity.access.grants.metadata import smart_configuration
from identity.access.grants.server import Server
from identity.access.hosting.addresses import AUTH_PATH, DEFAULT_TENANT, SMART_CONFIGURATION
from identity.access.hosting.authority import Authority
from identity.access.people.patients import NoPatients, PatientPicker
from identity.access.web.texts import LANGUAGES

ROUTE_KEY = "stanforis:route"
"""Where a scope says by which route it was answered."""
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
TenantExists = Callable[[int], bool]
LanguagesOf = Callable[[int], Sequence[str]]
PickerOf = Callable[[Server], PatientPicker]

MOST_MADE = 32
"""Applications that one process keeps; the one asked for longest ago makes room."""
_PATH = re.compile(r"((?:/t/(?P<tenant>[1-9][0-9]{0,8}))?(?P<base>/auth|/admin|/fhir))(?:/.*)?")
_METADATA = "/.well-known/oauth-authorization-server"
_OF_ISSUER = re.compile(rf"{_METADATA}(?P<issuer>(?:/t/[1-9][0-9]{{0,8}})?{AUTH_PATH})")
"""Where RFC 8414 section 3.1 puts the document of an issuer that has a path: before that path."""


def _nobody(server: Server) -> PatientPicker:
    del server
    return NoPatients()


def _no_languages(tenant: int) -> Sequence[str]:
    del tenant
    return ()


def only_default(tenant: int) -> bool:
    """Tell whether there is such a tenant, where there is but one."""
    return tenant == DEFAULT_TENANT


def route_of(base: str, scope: Scope) -> str:
    """Return the template of the route that answered, below *base*; nothing of the path itself."""
    return f"{base}{getattr(scope.get('route'), 'path', '/(none)')}"


class Mounts:
    """The applications of all tenants, each made when it is first asked for."""

    def __init__(
        self, authority: Authority, exists: TenantExists = only_default, languages: LanguagesOf = _no_languages
    ) -> None:
        """Serve the tenants of *authority* that exist, with pages in the *languages* that they prefer."""
        self._languages = languages
        self._authority = authority
        self._exists = exists
        self._picker_of: PickerOf = _nobody
        self._made = Recent[tuple[int, str], Application](MOST_MADE)
        self._making = asyncio.Lock()

    def let_choose(self, picker_of: PickerOf) -> None:
        """Let people choose patients, where apps need one: *picker_of* finds those of a tenant's server."""
        self._picker_of = picker_of

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> bool:
        """Answer a request; False, and nothing is sent, where its path is none of these."""
        if (inserted := _OF_ISSUER.fullmatch(scope["path"])) is not None:
            scope["path"] = f"{inserted['issuer']}{_METADATA}"
            scope["raw_path"] = scope["path"].encode()
        path = _PATH.fullmatch(scope["path"])
        tenant = int(path["tenant"] or DEFAULT_TENANT) if path else 0
        if path is None or not self._exists(tenant):
            return False
        if path["base"] == "/fhir":
            if not scope["path"].endswith(f"/fhir{SMART_CONFIGURATION}"):
                return False
            scope[ROUTE_KEY] = f"/fhir{SMART_CONFIGURATION}"
            await self._smart_configuration(scope, tenant, send)
            return True
        application = await self._application(tenant, path["base"])
        more = {"root_path": scope.get("root_path", "") + path[1], LANGUAGES: self._languages(tenant)}
        inner = {**scope, **more}
        try:
            await application(inner, receive, send)
        finally:
            scope[ROUTE_KEY] = route_of(path["base"], inner)
        return True

    async def _application(self, tenant: int, base: str) -> Application:
        found = self._made.get((tenant, base))
        if found is None:
            async with self._making:
                found = self._made.get((tenant, base))
                if found is None:
                    # In a thread: the framework takes a good part of a second to import.
                    found = self._made.keep((tenant, base), await asyncio.to_thread(self._make, tenant, base))
        return found

    def _make(self, tenant: int, base: str) -> Application:
        server = self._authority.server(tenant)
        if base == AUTH_PATH:
            from identity.access.web.application import create_application  # noqa: PLC0415 - see the module

            return create_application(server, self._picker_of(server))
        from identity.access.administration.application import create_application as create  # noqa: PLC0415 - the same
        from identity.access.administration.recording import Recording  # noqa: PLC0415 - the same

        return Recording(create(server, self._authority), self._authority.keep, tenant)

    async def _smart_configuration(self, scope: Scope, tenant: int, send: Any) -> None:
        """Answer with the document of SMART under the FHIR base, which any origin may read."""
        is_read = scope["method"] in ("GET", "HEAD")
        body = json.dumps(smart_configuration(self._authority.server(tenant))).encode() if is_read else b""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"access-control-allow-origin", b"*"),
            (b"cache-control", b"public, max-age=300"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if not is_read:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": 200 if is_read else 405, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
