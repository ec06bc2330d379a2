"""What ``stanforis hl7 send`` does: messages of a file, one after the other over MLLP, each until it is answered."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from adapters.hl7.encoding.batch import is_batch, parse_file
from adapters.hl7.encoding.message import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.mllp.client import MllpClient, MllpError
from adapters.hl7.mllp.tls import client_context
from stanforis.cli.options import DONE_IN_PART
from stanforis.errors import OperatorError

_TAKEN = frozenset({"AA", "CA"})
_NEXT = re.compile(rb"(?<=[\r\n])(?=MSH[^A-Za-z0-9\s])")
_PORTS = range(1, 65536)
_NO_ANSWER = "no answer"


def send(files: list[Path], to: str, tls: ssl.SSLContext | None, *, seconds: float, as_json: bool) -> int:
    """Send the messages of *files*; 0: all were taken, 3: some were, 1: none was.

    Raises:
        OperatorError: a file or the address cannot be used.
    """
    host, port = _address(to)
    messages = [message for file in files for message in messages_of(file)]
    with Progress(console=Console(stderr=True), disable=as_json, transient=True) as progress:
        task = progress.add_task("sent", total=len(messages))
        client = MllpClient(host, port, tls=tls, answer_seconds=seconds)
        answers = asyncio.run(_sent(client, messages, lambda: progress.advance(task)))
    taken = sum(count for code, count in answers.items() if code in _TAKEN)
    if as_json:
        told = {"messages": len(messages), "taken": taken, "answers": dict(answers)}
        Console(soft_wrap=True).out(json.dumps(told), highlight=False)
    else:
        rest = ", ".join(f"{code}: {count}" for code, count in sorted(answers.items()))
        Console(highlight=False).print(f"{taken} of {len(messages)} messages were taken ({rest or 'nothing was sent'})")
    return 0 if taken == len(messages) else DONE_IN_PART if taken else 1


def tls_of(authorities: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return what TLS needs.

    Raises:
        OperatorError: a file cannot be used.
    """
    try:
        return client_context(authorities, certificate, key)
    except OSError as error:
        raise OperatorError(f"The certificates cannot be used: {error}.") from None


def messages_of(file: Path) -> list[bytes]:
    """Return the messages of a file: one, several one after the other, or a batch.

    Raises:
        OperatorError: the file cannot be read, or has none.
    """
    try:
        raw = file.read_bytes()
        found = [entry.raw for entry in parse_file(raw).entries] if is_batch(raw) else _NEXT.split(raw)
    except (OSError, Hl7Error) as error:
        raise OperatorError(f"{file}: {error}") from None
    messages = [each for each in found if each.strip()]
    if not messages:
        raise OperatorError(f"{file}: there is no message in it.")
    return messages


async def _sent(client: MllpClient, messages: list[bytes], on_sent: Callable[[], None]) -> Counter[str]:
    answers: Counter[str] = Counter()
    async with client:
        for message in messages:
            answers[await _answer(client, message)] += 1
            on_sent()
    return answers


async def _answer(client: MllpClient, message: bytes) -> str:
    try:
        answer = Message.parse(await client.send(message))
        return answer["MSA-1"] or _NO_ANSWER
    except (MllpError, TimeoutError, Hl7Error):
        return _NO_ANSWER


def _address(to: str) -> tuple[str, int]:
    host, _, port = to.rpartition(":")
    if not host or not port.isdecimal() or int(port) not in _PORTS:
        raise OperatorError(f"--to: expected HOST:PORT, such as 127.0.0.1:2575, found {to!r}.")
    return host.strip("[]"), int(port)
