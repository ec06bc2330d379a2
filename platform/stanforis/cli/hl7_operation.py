"""What ``stanforis hl7 messages``, ``senders``, ``replay`` and ``answer`` do, by the interface of a running server.

Lists say nothing of patients; what a message says is shown only where it is asked for, and that goes on record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from rich.console import Console
from rich.table import Table

from stanforis.cli.credentials import Credentials
from stanforis.errors import OperatorError

_SECONDS = 60
_WIDE = 200
_REFUSED, _MISSING = 401, 404
_LISTED = ("number", "received_at", "sender", "type", "control_id", "state", "reason")
_SENDERS = ("name", "last_at", "is_silent", "last_hour", "waiting", "lag_seconds", "parked", "dead")


class _Staying(HTTPRedirectHandler):
    """Follows no redirects: a token would travel along."""

    def redirect_request(self, *_: Any) -> None:
        """Go nowhere; the answer is told as a refusal."""


# nor does a token go by a proxy that the environment names for the world outside
_OPENER = build_opener(_Staying, ProxyHandler({}))


class Interface:
    """The operation of interfaces on a running server."""

    def __init__(self, base: str, shown: Credentials) -> None:
        """Speak with the server whose FHIR base is *base*."""
        self._base = base.removesuffix("/fhir") + "/hl7/api"
        self._credentials = shown

    def get(self, path: str, **query: Any) -> Any:
        """Return what there is at *path*.

        Raises:
            OperatorError: it cannot be had; the text says why.
        """
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return self._send("GET", f"{path}?{asked}" if asked else path, None)

    def post(self, path: str, told: dict[str, Any]) -> Any:
        """Ask for something to be done, and return what came of it.

        Raises:
            OperatorError: it cannot be done; the text says why.
        """
        return self._send("POST", path, json.dumps(told).encode())

    def put(self, path: str, told: dict[str, Any]) -> Any:
        """Have something be as it is told, and return how it stands.

        Raises:
            OperatorError: it cannot be done; the text says why.
        """
        return self._send("PUT", path, json.dumps(told).encode())

    def _send(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {**self._credentials.headers(), "Content-Type": "application/json", "Accept": "application/json"}
        request = Request(self._base + path, body, headers, method=method)  # noqa: S310 - http, or https
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise OperatorError(_told(error)) from None
        except (URLError, OSError, ValueError) as error:
            raise OperatorError(f"{self._base} does not answer: {type(error).__name__}.") from None


def messages(interface: Interface, criteria: dict[str, Any], *, count: int, as_json: bool) -> int:
    """Show messages that fit, the newest first; 1 if there are none."""
    found = pages(interface, "/messages", criteria, count)
    tell(found, _LISTED, as_json=as_json)
    return 0 if found else 1


def pages(interface: Interface, path: str, criteria: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return *count* messages at most of a list, the newest first."""
    found: list[dict[str, Any]] = []
    before: int | None = None
    while len(found) < count:
        page = interface.get(path, **criteria, before=before, count=min(500, count - len(found)))
        found += page["messages"]
        before = page["before"]
        if before is None:
            break
    return found


def message(interface: Interface, number: int, *, content: bool, as_json: bool, of: str = "/messages") -> int:
    """Show one message, with what it says where *content* is wanted."""
    shown = interface.get(f"{of}/{number}")
    said = interface.get(f"{of}/{number}/content") if content else None
    if as_json:
        write_json(shown if said is None else {**shown, "content": said})
        return 0
    for name, value in shown.items():
        if value not in (None, "", []):
            say(f"{name}: {_text(value)}")
    if said is not None:
        say("")
        say(said["text"])
    return 0


def senders(interface: Interface, *, as_json: bool) -> int:
    """Show all senders; 3 if one of them is silent or has dead letters."""
    found = interface.get("/senders")
    tell(found, _SENDERS, as_json=as_json)
    return 3 if any(each["is_silent"] or each["dead"] for each in found) else 0


def replay(interface: Interface, asked: dict[str, Any], *, as_json: bool) -> int:
    """Have messages worked on again, or count them; 1 if there are none."""
    told = interface.post("/replays", {name: value for name, value in asked.items() if value not in (None, "", [])})
    if as_json:
        write_json(told)
    else:
        what = "would be worked on again" if told["dry_run"] else "are worked on again, in the order they came"
        say(f"{told['count']} messages {what}")
    return 0 if told["count"] else 1


def questions(interface: Interface, *, as_json: bool) -> int:
    """Show open questions about codes; 3 if there are any."""
    found = interface.get("/questions")
    tell(found, ("id", "sender", "table", "code", "asked_at"), as_json=as_json)
    return 3 if found else 0


def answer(interface: Interface, question: str, said: dict[str, str], *, as_json: bool) -> int:
    """Say what a code means."""
    told = interface.post(f"/questions/{quote(question, safe='')}/answer", said)
    if as_json:
        write_json(told)
    else:
        say(f"{told['sender']}: {told['code']} of {told['table']} means {told['answer']['code']}")
    return 0


def _told(error: HTTPError) -> str:
    try:
        detail = json.load(error).get("detail", "")
    except (ValueError, AttributeError):
        detail = ""
    if error.code == _MISSING and not detail:
        return "The server does not look after HL7 v2 interfaces: start it with --hl7."
    hint = " Use --token-file, or --data of the server's folder." if error.code == _REFUSED else ""
    return f"The server answered {error.code}: {detail or error.reason}{hint}"


def tell(found: Sequence[dict[str, Any]], names: Sequence[str], *, as_json: bool) -> None:
    """Show what was found, as a table of *names* or as JSON."""
    if as_json:
        write_json(found)
        return
    if not found:
        say("There is none.")
        return
    table = Table(*names, box=None, pad_edge=False)
    for each in found:
        table.add_row(*(_text(each[name]) for name in names))
    Console(width=_WIDE, highlight=False, markup=False).print(table)


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case float():
            return f"{value:.0f}"
        case list():
            return ", ".join(map(_text, value))
        case _:
            return str(value)


def write_json(value: object) -> None:
    """Write a value as JSON."""
    Console(highlight=False, soft_wrap=True).out(json.dumps(value), highlight=False)


def say(text: str) -> None:
    """Write a line for a person."""
    Console(highlight=False, soft_wrap=True, markup=False).print(text)
