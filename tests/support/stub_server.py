"""``stanforis up`` around a small application: ``stub_server.py DATA [--database] [--broken] [--port N] [--host H]``.

It answers with the id of the answering process: ``/slow`` after a second, ``/endless`` much later, any other at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from stanforis.cli import databases
from stanforis.cli.up import up
from stanforis.errors import OperatorError
from stanforis.settings import Settings

SECONDS = {"/slow": 1, "/endless": 600}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] in SECONDS:
        await asyncio.sleep(SECONDS[scope["path"]])
    body = b"%d" % os.getpid()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def broken_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "broken"})


def announce(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def no_schema(database: databases.Database) -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--database", action="store_true")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    given = parser.parse_args()
    databases.make_ready = no_schema
    settings = Settings(
        data=given.data,
        host=given.host,
        port=given.port,
        workers=2,
        database_url="" if given.database else "postgresql://nobody@127.0.0.1:9/none",
    )
    try:
        up(settings, announce, create_app=lambda *_: broken_app if given.broken else app, is_open=True)
    except OperatorError as error:
        raise SystemExit(f"stanforis: {error}") from None


if __name__ == "__main__":
    main()
