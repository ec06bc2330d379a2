"""What ``stanforis user``, ``client``, ``role``, ``rule`` and ``grant`` share: options, and where they work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stanforis.errors import OperatorError
from stanforis.settings import Settings

if TYPE_CHECKING:
    from identity.access.administration.apps import Apps
    from identity.access.administration.people import People
    from identity.access.administration.roles import Roles

Tenant: TypeAlias = Annotated[int, typer.Option(min=1, help="Number of the tenant.")]
Scope: TypeAlias = Annotated[str | None, typer.Option(help="The most that may be granted.")]
Called: TypeAlias = Annotated[str | None, typer.Option(help="What people are shown.")]
Active: TypeAlias = Annotated[bool | None, typer.Option("--active/--locked", help="Whether it may be used.")]


class Place:
    """Where a command works, and how it answers."""

    def __init__(self, data: Path | None, database_url: str | None, tenant: int, *, as_json: bool) -> None:
        """Work on *tenant* in the database of the data folder or URL; with *as_json* answer as JSON."""
        self._settings = Settings.from_environment(data=data, database_url=database_url)
        self._tenant = tenant
        self._as_json = as_json

    def people(self, act: Callable[[People], Awaitable[Any]]) -> None:
        """Do *act* with the tenant's people, and write what came of it."""
        from identity.access.administration.people import People  # noqa: PLC0415 - heavy

        self._do(lambda server: act(People(server)))

    def apps(self, act: Callable[[Apps], Awaitable[Any]]) -> None:
        """Do *act* with the tenant's applications and grants, and write what came of it."""
        from identity.access.administration.apps import Apps  # noqa: PLC0415 - heavy

        self._do(lambda server: act(Apps(server)))

    def roles(self, act: Callable[[Roles], Awaitable[Any]]) -> None:
        """Do *act* with the tenant's roles and rules, and write what came of it."""
        from identity.access.administration.roles import Roles  # noqa: PLC0415 - heavy

        self._do(lambda server: act(Roles(server)))

    def _do(self, act: Callable[[Any], Awaitable[Any]]) -> None:
        from stanforis.cli.administering import administer  # noqa: PLC0415 - heavy

        administer(self._settings, self._tenant, act, as_json=self._as_json)


def made(kind: str, **told: Any) -> Any:
    """Return what was told on the command line as the model *kind*; see :func:`stanforis.cli.administering.made`."""
    from identity.access.administration import shown  # noqa: PLC0415 - heavy
    from stanforis.cli import administering  # noqa: PLC0415 - the same

    return administering.made(getattr(shown, kind), told)


def content(file: Path) -> str:
    """Return the text of a file.

    Raises:
        OperatorError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} cannot be read: {type(error).__name__}.") from None
