"""MLLP over TLS, with certificates on both sides."""

from __future__ import annotations

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path, client_authorities: Path | None = None) -> ssl.SSLContext:
    """Return what a listener needs for TLS 1.2 and later.

    Args:
        certificate: PEM file of the server's certificate and its chain.
        key: PEM file of its key.
        client_authorities: PEM file of who may sign clients' certificates; given, a client has to show one.

    Raises:
        OSError: a file cannot be read or holds something else (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authorities is not None:
        context.load_verify_locations(client_authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    server_authorities: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return what a client needs: it checks the server's certificate and name, and shows its own if it has one.

    Raises:
        OSError: a file cannot be read or holds something else (`ssl.SSLError`).
    """
    context = ssl.create_default_context(cafile=str(server_authorities) if server_authorities is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
