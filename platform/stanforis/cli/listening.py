"""The sockets the API processes accept connections on."""

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


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """Return *count* listening sockets on one loopback address; the kernel spreads connections over them.

    Of 16 connections to two processes the busier one got 9 to 12 this way, and 8 to 16 from one shared socket. The
    sockets belong to the supervisor: when an API process dies, connections that wait for it are taken by the one that
    replaces it.

    Args:
        host: a name or address; every address it stands for has to be loopback.
        port: a TCP port; 0 takes a free one.
        count: how many sockets.

    Raises:
        ListenError: the host is unknown or not loopback, or the port is taken.
    """
    family, address = _loopback(host)
    port = _free_port(family, address, port)
    return [_listener(family, address, port) for _ in range(count)]


def _free_port(family: socket.AddressFamily, address: str, port: int) -> int:
    """Return *port*, or a free one for 0, once nobody else has it.

    A server that was killed gives its port back as soon as its API processes notice: that is waited for.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Sockets that share a port would share it with another program's as well: this one does not share.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    message = f"Port {port} of {address} cannot be used ({error.strerror}). Choose another with --port."
                    raise PortTakenError(message) from None
            else:
                return int(probe.getsockname()[1])
        time.sleep(_POLL_SECONDS)


def _listener(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setblocking(False)
    listener.bind((address, port))
    listener.listen(_BACKLOG)
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
