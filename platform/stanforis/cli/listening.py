"""The socket the API processes accept connections on."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time

from stanforis.errors import OperatorError

_BACKLOG = 2048
_PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.05


class ListenError(OperatorError):
    """The address cannot be listened on; the text says why and what to do."""


class PortTakenError(ListenError):
    """Another program uses the port, or this user may not."""


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening socket, which does not block, on a loopback address.

    It belongs to the supervisor: connections that wait when an API process dies are taken by another.

    Args:
        host: a name or address; every address it stands for has to be loopback.
        port: a TCP port; 0 takes a free one.

    Raises:
        ListenError: the host is unknown or not loopback, or the port is taken.
    """
    family, address = _loopback(host)
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


def _loopback(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise ListenError(f"The host {host!r} is not known: {error.strerror}.") from None
    for _, _, _, _, address in found:
        if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            message = (
                f"{host} can be reached from other machines, and this version has no access control: everybody could "
                "read every record. Use 127.0.0.1, and a gateway that authenticates in front of it."
            )
            raise ListenError(message)
    return found[0][0], str(found[0][4][0])


def url_host(host: str) -> str:
    """Return *host* as it stands in a URL (an IPv6 address in brackets)."""
    return f"[{host}]" if ":" in host else host
