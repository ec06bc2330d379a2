"""What ``stanforis user``, ``client``, ``role``, ``rule`` and ``grant`` do, on the database of the data folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Column, Table

from identity.access.administration.errors import AdministrationError
from identity.access.grants.server import Server
from identity.access.hosting.authority import Authority
from identity.access.hosting.running import running_base
from stanforis.cli.credentials import LOCAL_BASE
from stanforis.cli.databases import reached
from stanforis.cli.registering import require_number
from stanforis.settings import Settings

Answer = BaseModel | Sequence[BaseModel] | None
_TOO_LONG = frozenset({"scope", "jwks", "text"})
"""What lists leave out; JSON has it."""
_WIDE = 400
Act = Callable[[Server], Awaitable[Answer]]


def administer(settings: Settings, tenant: int, act: Act, *, as_json: bool) -> None:
    """Do *act* with the authorization server of *tenant*, and write on standard output what came of it.

    Args:
        settings: name the data folder or database; a server may be running on it.
        tenant: its number.
        act: what to do.
        as_json: write JSON.

    Raises:
        AdministrationError: it cannot be done.
        UnknownTenantError: there is no such tenant.
    """
    base = settings.base_url or running_base(settings.data) or LOCAL_BASE
    with reached(settings, "stanforis") as database:
        found = asyncio.run(_done(replace(database.settings, base_url=base), tenant, act))
    _tell(found, as_json=as_json)


def made(kind: type[BaseModel], told: dict[str, Any]) -> Any:
    """Return what was told on the command line as one of *kind*; what was not told is left out.

    Raises:
        AdministrationError: it cannot be; the text names the option.
    """
    try:
        return kind(**{name: value for name, value in told.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise AdministrationError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


async def _done(settings: Settings, tenant: int, act: Act) -> Answer:
    # whom a tenant that is not there yet was given would be in the one that gets the number
    await require_number(settings, tenant)
    authority = Authority(settings)
    await authority.start()
    try:
        return await act(authority.server(tenant))
    finally:
        await authority.stop()


def _tell(found: Answer, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_plain(found)))
    elif isinstance(found, BaseModel):
        for name, value in found.model_dump(exclude_none=True).items():
            typer.echo(f"{name}: {_text(value)}")
    elif found is None:
        typer.echo("Done.")
    else:
        _tell_each(found)


def _plain(found: Answer) -> object:
    if found is None or isinstance(found, BaseModel):
        return found and found.model_dump()
    return [each.model_dump() for each in found]


def _tell_each(found: Sequence[BaseModel]) -> None:
    if not found:
        typer.echo("There is none.")
        return
    fields = (name for name in type(found[0]).model_fields if name not in _TOO_LONG)
    names = sorted(fields, key=lambda name: not name.endswith(("name", "_id")))
    shown = [name for name in names if any(getattr(each, name) not in (None, "", [], False) for each in found)]
    # An id that does not fit would be cut, and nobody could use it: lines may be longer than the terminal.
    table = Table(*(Column(name, no_wrap=True) for name in shown), box=None, pad_edge=False)
    for each in found:
        table.add_row(*(_text(getattr(each, name)) for name in shown))
    Console(width=_WIDE, highlight=False).print(table, soft_wrap=True, crop=False)


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case dict():
            return json.dumps(value)
        case None:
            return ""
        case _:
            return str(value)
