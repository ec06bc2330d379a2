"""What ``stanforis hl7 destinations``, ``sent`` and ``resend`` do, by the interface of a running server."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from stanforis.cli.hl7_operation import Interface, pages, say, tell, write_json
from stanforis.errors import OperatorError

_DESTINATIONS = ("name", "mode", "waiting", "lag_seconds", "attempts", "trouble", "dead", "answered_at")
_SENT = ("number", "made_at", "destination", "type", "control_id", "resource", "state", "reason")


def destinations(interface: Interface, name: str | None, *, as_json: bool) -> int:
    """Show destinations; 3 if one of them does not get its messages or has dead ones, 1 if there is none."""
    found = [each for each in interface.get("/destinations") if name in (None, each["name"])]
    tell(found, _DESTINATIONS, as_json=as_json)
    if not found:
        return 1
    return 3 if any(each["trouble"] or each["dead"] or each["mode"] != "runs" for each in found) else 0


def switch(interface: Interface, name: str, mode: str, reason: str, *, as_json: bool) -> int:
    """Set a destination going, or stop it.

    Raises:
        OperatorError: there is none with this name, or no such mode.
    """
    site, _, destination = name.partition("/")
    if not destination:
        raise OperatorError(f"expected site/destination, found {name!r}")
    path = f"/destinations/{quote(site, safe='')}/{quote(destination, safe='')}/mode"
    found = [each for each in interface.put(path, {"mode": mode, "reason": reason}) if each["name"] == name]
    tell(found, _DESTINATIONS, as_json=as_json)
    return 0


def sent(interface: Interface, criteria: dict[str, Any], *, count: int, as_json: bool) -> int:
    """Show messages that fit, the newest first; 1 if there are none."""
    found = pages(interface, "/sent", criteria, count)
    tell(found, _SENT, as_json=as_json)
    return 0 if found else 1


def resend(interface: Interface, numbers: list[int], destination: str, *, count: int, as_json: bool) -> int:
    """Have dead messages sent again; 1 if there are none.

    Raises:
        OperatorError: one of *numbers* is not dead.
    """
    if numbers:
        renumbered = [interface.post(f"/sent/{number}/revive", {})["number"] for number in numbers]
        told: dict[str, Any] = {"count": len(renumbered), "numbers": renumbered}
    else:
        told = interface.post("/sent/revivals", {"destination": destination, "most": count})
    if as_json:
        write_json(told)
    else:
        say(f"{told['count']} messages are sent again, in their order")
    return 0 if told["count"] else 1
