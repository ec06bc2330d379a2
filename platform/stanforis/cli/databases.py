"""Which database a command works on: the embedded one of the data folder, or an outside one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from stanforis.settings import Settings
from stanforis.storage.embedded import EmbeddedPostgres

_CONNECTIONS_FOR_OPERATORS = 20
_CONNECTIONS_FOR_ACCESS = 2
_CONNECTIONS_FOR_LOOKS = 1


@dataclass(frozen=True, slots=True)
class Database:
    """A database that accepts connections.

    Attributes:
        settings: the settings with both database URLs filled in.
        postgres: the embedded PostgreSQL, when it is that.
    """

    settings: Settings
    postgres: EmbeddedPostgres | None


@contextmanager
def opened(settings: Settings, holder: str, workers: int = 1) -> Iterator[Database]:
    """Give the database of *settings*, started when it is the embedded one, and stop it at the end.

    Args:
        settings: name the data folder or the database's URL.
        holder: who is named to others that want the same folder.
        workers: how many API processes will connect.

    Raises:
        EmbeddedPostgresError, FolderInUseError: the embedded one cannot be started.
    """
    if settings.database_url:
        # psycopg is imported where an outside database needs it, not in every process that `up` forks.
        from stanforis.storage.outside import with_application_role  # noqa: PLC0415 - see above

        app_url = settings.database_app_url or with_application_role(settings.database_url)
        yield Database(replace(settings, database_app_url=app_url), None)
        return
    each = settings.database_pool_size + _CONNECTIONS_FOR_ACCESS + _CONNECTIONS_FOR_LOOKS
    connections = workers * each + _CONNECTIONS_FOR_OPERATORS
    postgres = EmbeddedPostgres(settings.data, max_connections=connections)
    try:
        found = postgres.start(holder)
        yield Database(replace(settings, database_url=found.owner_dsn, database_app_url=found.app_dsn), postgres)
    finally:
        postgres.stop()


@contextmanager
def reached(settings: Settings, holder: str) -> Iterator[Database]:
    """Give the database of *settings* as it is used already by a running server, or else opened and brought up to date.

    Raises:
        EmbeddedPostgresError, FolderInUseError, OutsideDatabaseError, MigrationError: see :func:`opened`,
            :func:`make_ready`.
    """
    beside = EmbeddedPostgres(settings.data)
    running = None if settings.database_url else beside.running()
    if running is not None:
        try:
            yield Database(replace(settings, database_url=running.owner_dsn, database_app_url=running.app_dsn), None)
        finally:
            beside.stop()
        return
    with opened(settings, holder) as database:
        make_ready(database)
        yield database


def upgrade(database: Database) -> None:
    """Bring the database's schema up to date.

    Raises:
        OutsideDatabaseError: an outside database cannot be used as it is.
    """
    if database.postgres is not None:
        _migrate(database.settings.database_url)
        return
    from stanforis.storage import outside  # noqa: PLC0415 - heavy, and needed here only

    settings = database.settings
    outside.prepare(settings.database_url)
    _migrate(settings.database_url)
    outside.require_restricted(settings.database_app_url)


def _migrate(dsn: str) -> None:
    from adapters.hl7.store.postgres import migrations as hl7  # noqa: PLC0415 - heavy, and needed here only
    from fhir_api.store.postgres import migrations as fhir  # noqa: PLC0415 - the same
    from identity.access.store import migrations as access  # noqa: PLC0415 - the same

    fhir.upgrade(dsn)
    access.upgrade(dsn)
    hl7.upgrade(dsn)


def require_index(database: Database) -> None:
    """Make sure that the search index is the one this program, with these settings, makes.

    Raises:
        MigrationError: it was made otherwise; the message says what to do.
    """
    from fhir_api.store.postgres.reindex import require_index as require  # noqa: PLC0415 - heavy, and needed here only

    settings = database.settings
    require(settings.database_url, settings.time_zone, full_text=settings.full_text_search)


def make_ready(database: Database) -> None:
    """Bring the schema up to date and make sure of the index, as the server needs both.

    Raises:
        OutsideDatabaseError, MigrationError: see :func:`upgrade` and :func:`require_index`.
    """
    upgrade(database)
    require_index(database)


def reindex(database: Database, progress: Callable[[int], None], zones: Mapping[str, str | None] | None = None) -> None:
    """Make the search index anew; *progress* is told how many resources were indexed since it was told last.

    Tenants that *zones* names get that time zone, or (None) that of the installation.

    Raises:
        TenancyError: there is no such tenant or zone.
    """
    from fhir_api.definitions import CompiledDefinitions  # noqa: PLC0415 - the same
    from fhir_api.opening import vault  # noqa: PLC0415 - the same
    from fhir_api.store.postgres import reindex as index  # noqa: PLC0415 - the same
    from stanforis.storage.pool import PoolOptions  # noqa: PLC0415 - heavy, and needed here only
    from stanforis.tenancy.tenants import require_settings  # noqa: PLC0415 - the same

    for zone in (zones or {}).values():
        require_settings({"time_zone": zone})
    settings = database.settings
    definitions = CompiledDefinitions(settings)
    options = PoolOptions(
        settings.database_app_url, statement_milliseconds=0, shared_sessions=settings.database_sessions_shared
    )
    asyncio.run(
        index.reindex(
            settings.database_url, options, definitions.search, definitions.extractor, progress, vault(settings), zones
        )
    )


def problem(database: Database) -> str | None:
    """Return what the database's schema lacks and what to do about it; None when it is up to date."""
    from fhir_api.store.postgres import migrations  # noqa: PLC0415 - heavy, and needed here only

    try:
        migrations.check(database.settings.database_url)
        require_index(database)
    except migrations.MigrationError as error:
        return str(error)
    return None
