"""Where the authorization servers and FHIR bases of an installation are reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from stanforis.settings import SettingError

DEFAULT_TENANT = 1
AUTH_PATH = "/auth"
FHIR_PATH = "/fhir"
SMART_CONFIGURATION = "/.well-known/smart-configuration"
_TENANT_PATH = re.compile(r"/t/([1-9][0-9]{0,8})(?:/|$)")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the URLs of one tenant begin with; no slash at the end.

    Attributes:
        issuer: of its authorization server.
        fhir_base: of its FHIR server, which its tokens are for.
    """

    issuer: str
    fhir_base: str


@dataclass(frozen=True, slots=True)
class Site:
    """What an installation's URLs begin with.

    Attributes:
        root: what stands before ``/fhir`` and ``/auth``, without a slash at the end.
    """

    root: str

    @classmethod
    def of(cls, base_url: str) -> Site:
        """Return the site whose default tenant has its FHIR base at *base_url*.

        Raises:
            SettingError: tokens would travel in the clear, or there is no place beside the base.
        """
        base = base_url.rstrip("/")
        parts = urlsplit(base)
        is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not base.endswith(FHIR_PATH) or parts.query or parts.fragment or "@" in parts.netloc:
            raise SettingError(
                "STANFORIS_BASE_URL has to end in /fhir: the authorization server is reached at /auth beside it."
            )
        if parts.scheme != "https" and not is_local:
            raise SettingError(
                "STANFORIS_BASE_URL has to begin with https:// unless it is on this machine: tokens and passwords "
                "would travel in the clear."
            )
        return cls(base.removesuffix(FHIR_PATH))

    def tenant(self, tenant: int) -> Addresses:
        """Return where *tenant* is reached."""
        root = self.root if tenant == DEFAULT_TENANT else f"{self.root}/t/{tenant}"
        return Addresses(root + AUTH_PATH, root + FHIR_PATH)

    def asked(self, host: str, path: str) -> str:
        """Return the URL of a request for *path* that was sent to *host*, see :func:`at_host`."""
        return at_host(self.root, host) + path

    def tenant_of(self, url: str) -> int | None:
        """Return the tenant whose issuer or base *url* is; None where it is neither."""
        if not url.startswith(self.root):
            return None
        named = _TENANT_PATH.match(url, len(self.root))
        tenant = int(named[1]) if named else DEFAULT_TENANT
        found = self.tenant(tenant)
        return tenant if url in (found.issuer, found.fhir_base) else None


def at_host(url: str, host: str) -> str:
    """Return *url* as whoever sent a request to *host* calls it.

    A Host header is the client's word: links made from it would end up in caches and in other people's Bundles, and a
    proof of possession for another server would count here. It is followed only where *url* is on this very machine,
    and the header names this machine too (``localhost`` for ``127.0.0.1``, or a forwarded port).
    """
    parts = urlsplit(url)
    if not (_LOOPBACK.fullmatch(parts.netloc) and _LOOPBACK.fullmatch(host)):
        return url
    return parts._replace(netloc=host).geturl()
