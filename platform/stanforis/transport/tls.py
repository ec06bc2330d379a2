"""TLS 1.3 with a certificate that may be renewed while the server runs.

Spec: https://www.rfc-editor.org/rfc/rfc8446
"""

from __future__ import annotations

import logging
import ssl
import time
from pathlib import Path

from stanforis.errors import OperatorError
from stanforis.settings import Settings

_LOOK_SECONDS = 5.0

log = logging.getLogger("stanforis.tls")


class CertificateError(OperatorError):
    """The certificate or its key cannot be used; the text says why."""


class Certificate:
    """A certificate in files that are looked at again, at most every five seconds.

    New connections get what the files say; those that are open go on. Files that cannot be used are told of in the log,
    and what was read before goes on being used.
    """

    def __init__(self, chain: Path, key: Path | None) -> None:
        """Read the files.

        Raises:
            CertificateError: they cannot be used.
        """
        self._files = [chain, *([] if key is None else [key])]
        self._seen = self._state()
        self._looked = time.monotonic()
        self._context = self._read()

    def context(self) -> ssl.SSLContext:
        """Return how the next connection speaks TLS."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._context

    def _look(self) -> None:
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._context = self._read()
        except CertificateError as error:
            log.error("the certificate that is there now is not used: %s", error)
        else:
            log.info("the server's certificate was read again")

    def _state(self) -> list[tuple[int, int, int]]:
        found = []
        for path in self._files:
            try:
                status = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((status.st_mtime_ns, status.st_ino, status.st_size))
        return found

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._files[0], self._files[-1], password=_no_password)
        except (OSError, ssl.SSLError, CertificateError) as error:
            names = ", ".join(map(str, self._files))
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise CertificateError(f"The certificate in {names} cannot be used: {reason}.") from None
        return context


def certificate_of(settings: Settings) -> Certificate | None:
    """Return the certificate that *settings* name; None where they name none.

    Raises:
        CertificateError: it cannot be used.
    """
    if not settings.tls_certificate:
        return None
    return Certificate(Path(settings.tls_certificate), Path(settings.tls_key) if settings.tls_key else None)


def _no_password() -> str:
    raise CertificateError("its key asks for a password")
