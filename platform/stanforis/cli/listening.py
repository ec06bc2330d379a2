"""The socket the API processes accept connections on."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time

from stanforis.errors import OperatorError
from stanforis.settings import Settings

_BACKLOG = 2048
_PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.05


class ListenError(OperatorError):
    """The address cannot be listened on; the text says why and what to do."""


class PortTakenError(ListenError):
    """Another program uses the port, or this user may not."""


def exposed(settings: Settings, *, is_open: bool) -> str:
    """Return why no other machine may reach a server with these *settings*; empty where they may.

    Args:
        settings: of the installation.
        is_open: whether it has no access control.
    """
    if is_open:
        return "Without access control (--open) everybody there could read and change every record: use 127.0.0.1."
    if not (settings.trusted_proxies or settings.tls_certificate):
        return (
            "Tokens and passwords would travel in the clear: give this server a certificate "
            "(STANFORIS_TLS_CERTIFICATE), name the proxy that speaks TLS in front of it "
            "(STANFORIS_TRUSTED_PROXIES), or use 127.0.0.1."
        )
    return ""


def open_listener(host: str, port: int, exposed: str = "") -> socket.socket:
    """Return a listening socket, which does not block.

    It belongs to the supervisor: connections that wait when an API process dies are taken by another.

    Args:
        host: a name or address.
        port: a TCP port; 0 takes a free one.
        exposed: why no other machine may reach the server; empty where they may.

    Raises:
        ListenError: the host is unknown or must not be listened on, or the port is taken.
    """
    family, address = _address(host, exposed)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((address, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            # A server that was killed gives its port back as soon as its API processes notice: that is waited for.
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                message = f"Port {port} of {address} cannot be used ({error.strerror}). Choose another with --port."
                raise PortTakenError(message) from None
            time.sleep(_POLL_SECONDS)
        else:
            return listener


def is_loopback(host: str) -> bool:
    """Tell whether every address that *host* stands for is loopback.

    Raises:
        ListenError: the host is unknown.
    """
    return all(_is_loopback(str(address[0])) for _, _, _, _, address in _found(host))


def _address(host: str, exposed: str) -> tuple[socket.AddressFamily, str]:
    if exposed and not is_loopback(host):
        raise ListenError(f"{host} can be reached from other machines. {exposed}")
    family, _, _, _, address = _found(host)[0]
    return family, str(address[0])


def _found(host: str) -> list[tuple[socket.AddressFamily, int, int, str, tuple[object, ...]]]:
    try:
        return list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        raise ListenError(f"The host {host!r} is not known: {error.strerror}.") from None


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def url_host(host: str) -> str:
    """Return *host* as it stands in a URL (an IPv6 address in brackets)."""
    return f"[{host}]" if ":" in host else host
