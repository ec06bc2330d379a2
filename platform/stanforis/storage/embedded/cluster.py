"""Start and stop the PostgreSQL that lives in a data folder.

Only the user who started it can reach it: there is no network port, the socket lies in a folder that user owns, and
PostgreSQL asks the kernel who is on the other end (peer authentication), so there is no password to steal.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from stanforis.storage.embedded import configuration
from stanforis.storage.embedded.install import MAJOR_VERSION, EmbeddedPostgresError, RunAs, programs, run_as
from stanforis.storage.embedded.lock import FolderLock

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01
_LOG_BYTES = 10 * 1024 * 1024
_SOCKET_FOLDER_BYTES = 90
"""A socket's whole path may be 107 bytes, and PostgreSQL adds ``/.s.PGSQL.5432``."""
_PR_SET_PDEATHSIG = 1
_STATUS_LINE = 8
"""The line of ``postmaster.pid`` that becomes ``ready``."""


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """How to reach the database.

    Attributes:
        owner_dsn: URL for migrations; the role owns the tables.
        app_dsn: URL for the server; the role owns nothing and row-level security binds it.
    """

    owner_dsn: str
    app_dsn: str


class EmbeddedPostgres:
    """One PostgreSQL in *data_dir*, which is made when it is not there.

    It ends with the thread that called :meth:`start`, even when that is killed, so start it from a thread that lives
    as long as the program.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True, max_connections: int = 100) -> None:
        """Prepare; nothing is started yet.

        Args:
            data_dir: its folder, closed to other users.
            durable: False lets a crash of the machine lose data; only for tests, which it makes faster.
            max_connections: how many connections PostgreSQL accepts.
        """
        self.data_dir = data_dir.absolute()
        self.lock = FolderLock(self.data_dir)
        self._durable = durable
        self._max_connections = max_connections
        self._cluster = self.data_dir / "postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptor: int | None = None
        self._short_folder: Path | None = None
        self._user: RunAs | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster; None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def connection(self) -> ConnectionInfo:
        """How to reach the database; true once it was started."""
        return ConnectionInfo(self._dsn(configuration.OWNER), self._dsn(configuration.APPLICATION))

    def running(self) -> ConnectionInfo | None:
        """Return how to reach the PostgreSQL that another process has started in this folder; None if none runs.

        Call :meth:`stop` when it is no longer needed: the PostgreSQL itself goes on.
        """
        try:
            status = self._status()
        except PermissionError:
            return None
        if status is None or status[1] != "ready" or not _works_in(status[0], self._cluster):
            return None
        self._shorten_socket_path()
        return self.connection

    def start(self, holder: str = "") -> ConnectionInfo:
        """Start PostgreSQL, create the cluster and its roles the first time, and return when it accepts connections.

        Args:
            holder: who is named to another process that wants the same folder.

        Raises:
            FolderInUseError: another process uses the folder.
            EmbeddedPostgresError: PostgreSQL cannot run here, or its files are of another version.
        """
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock.acquire(holder or f"process {os.getpid()}")
        try:
            self._user = run_as()
            program_folder = programs(self._user)
            self._open_cluster(program_folder)
            self._write_configuration()
            self._shorten_socket_path()
            self._launch(program_folder)
        except BaseException:
            self.stop()
            raise
        return self.connection

    def restart(self) -> None:
        """Start the postmaster again after it died; roles and connection stay as they were."""
        if self._user is None:
            raise EmbeddedPostgresError("PostgreSQL was never started.")
        if self.pid is None:
            self._launch(programs(self._user))

    def stop(self) -> None:
        """Stop PostgreSQL, ending open connections and leaving nothing to recover; does nothing when it is stopped."""
        if self._process is not None:
            self._end(self._process)
            self._process = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._short_folder is not None:
            shutil.rmtree(self._short_folder, ignore_errors=True)
            self._short_folder = None
        self.lock.release()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if process.poll() is not None:
                return
            process.send_signal(request)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def _open_cluster(self, program_folder: Path) -> None:
        if not self._cluster.exists():
            self._create(program_folder)
        version = (self._cluster / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            message = (
                f"The database in {self._cluster} was made by PostgreSQL {version}, and this is {MAJOR_VERSION}. "
                f"Export it with PostgreSQL {version}'s pg_dump and restore it into a new data folder."
            )
            raise EmbeddedPostgresError(message)
        if self._descriptor is None and self._started_user().is_other:
            self._descriptor = os.open(self._cluster, os.O_RDONLY | os.O_DIRECTORY)

    def _create(self, program_folder: Path) -> None:
        # Made under another name and renamed when whole, so that a kill in between leaves nothing that looks usable.
        user = self._started_user()
        unfinished = self.data_dir / "postgres-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if user.is_other:
            os.chown(unfinished, user.uid, user.gid)
            self._descriptor = os.open(unfinished, os.O_RDONLY | os.O_DIRECTORY)
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        options += ["--data-checksums", "--auth=reject", "--no-instructions", f"--username={configuration.SUPERUSER}"]
        if not self._durable:
            options.append("--no-sync")
        made = self._run_as_user([str(program_folder / "initdb"), "-D", self._inner_path(unfinished), *options])
        if made.returncode:
            raise EmbeddedPostgresError(f"PostgreSQL could not create its files in {self.data_dir}: {made.stderr}")
        self._create_roles(program_folder, unfinished)
        unfinished.rename(self._cluster)

    def _create_roles(self, program_folder: Path, folder: Path) -> None:
        # PostgreSQL's single-user mode tells of errors in its output only, not by its exit status.
        command = [
            str(program_folder / "postgres"),
            "--single",
            "-D",
            self._inner_path(folder),
            "-j",
            configuration.SUPERUSER,
        ]
        made = self._run_as_user(command, configuration.FIRST_STATEMENTS)
        if made.returncode or "ERROR:" in made.stderr:
            raise EmbeddedPostgresError(f"PostgreSQL could not create its roles in {self.data_dir}: {made.stderr}")

    def _run_as_user(self, command: list[str], statements: str = "") -> subprocess.CompletedProcess[str]:
        user = self._started_user()
        return subprocess.run(  # noqa: S603 - our own program and words
            command,
            user=user.uid if user.is_other else None,
            group=user.gid if user.is_other else None,
            extra_groups=[] if user.is_other else None,
            pass_fds=self._passed(),
            env=_environment(),
            cwd="/",
            input=statements,
            capture_output=True,
            text=True,
            check=False,
        )

    def _inner_path(self, folder: Path) -> str:
        """Return the path of the cluster's *folder* as PostgreSQL sees it.

        Another user may not be able to walk to the folder (below a closed home). A descriptor that root opened is
        already there, and the kernel lets a process follow its own.
        """
        return str(folder) if self._descriptor is None else f"/proc/self/fd/{self._descriptor}"

    def _passed(self) -> tuple[int, ...]:
        return () if self._descriptor is None else (self._descriptor,)

    def _write_configuration(self) -> None:
        user = self._started_user()
        main = configuration.main_configuration(max_connections=self._max_connections, durable=self._durable)
        system_user = pwd.getpwuid(os.geteuid()).pw_name
        files = {
            "postgresql.conf": main,
            "pg_hba.conf": configuration.HOST_BASED_AUTHENTICATION,
            "pg_ident.conf": configuration.user_map(system_user),
        }
        for name, text in files.items():
            _replace(self._cluster / name, text, user)

    def _shorten_socket_path(self) -> None:
        if len(os.fsencode(self._cluster)) > _SOCKET_FOLDER_BYTES:
            self._short_folder = Path(tempfile.mkdtemp(prefix="stanforis-"))
            (self._short_folder / "postgres").symlink_to(self._cluster)

    def _dsn(self, role: str) -> str:
        folder = self._short_folder / "postgres" if self._short_folder else self._cluster
        return f"postgresql://{role}@/{configuration.DATABASE}?host={quote(str(folder), safe='')}"

    def _launch(self, program_folder: Path) -> None:
        log = self.data_dir / "postgres.log"
        deadline = time.monotonic() + _START_SECONDS
        self._end_predecessor()
        while not self._is_ready_before(deadline, self._spawn(program_folder, log)):
            reason = _last_lines(log)
            # Processes of a killed predecessor take a moment to notice.
            if "shared memory block" not in reason or time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL did not start:\n{reason}")
            time.sleep(10 * _POLL_SECONDS)

    def _spawn(self, program_folder: Path, log: Path) -> subprocess.Popen[bytes]:
        user = self._started_user()
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            log.chmod(0o600)
            self._process = subprocess.Popen(  # noqa: S603 - our own program and words
                [str(program_folder / "postgres"), "-D", self._inner_path(self._cluster)],
                user=user.uid if user.is_other else None,
                group=user.gid if user.is_other else None,
                extra_groups=[] if user.is_other else None,
                pass_fds=self._passed(),
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C at a terminal reaches the whole group; PostgreSQL has to outlive the requests in flight.
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - two system calls, nothing that takes a lock
            )
        return self._process

    def _is_ready_before(self, deadline: float, process: subprocess.Popen[bytes]) -> bool:
        while process.poll() is None and time.monotonic() < deadline:
            if self._status() == (process.pid, "ready"):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _status(self) -> tuple[int, str] | None:
        """Return the process id and the status in ``postmaster.pid``; None without that file."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if not lines or not lines[0].strip().isdigit():
            return None
        return int(lines[0]), lines[_STATUS_LINE - 1].strip() if len(lines) >= _STATUS_LINE else ""

    def _end_predecessor(self) -> None:
        """Make sure that no earlier postmaster uses the files, and that a stale file does not stop the next one.

        PostgreSQL refuses to start when the process id in ``postmaster.pid``, or in the lock of its socket, lives,
        whoever that is now; after a container starts again it is often somebody else.
        """
        status = self._status()
        deadline = time.monotonic() + _STOP_SECONDS
        while status is not None and _works_in(status[0], self._cluster):
            # Its supervisor was killed, and it may still be on its way out.
            os.kill(status[0], signal.SIGINT if time.monotonic() < deadline else signal.SIGQUIT)
            time.sleep(10 * _POLL_SECONDS)
        for stale in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._cluster / stale).unlink(missing_ok=True)

    def _started_user(self) -> RunAs:
        if self._user is None:
            self._user = run_as()
        return self._user


def _environment() -> dict[str, str]:
    # Nothing of the caller's environment (PGDATA, PGOPTIONS, LD_PRELOAD, LC_ALL) may change how PostgreSQL runs.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _die_with(parent: int) -> Callable[[], None]:
    """Return what the child does before it becomes PostgreSQL: ask the kernel to stop it when *parent* is killed."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def _works_in(pid: int, cluster: Path) -> bool:
    """Tell whether process *pid* is a postmaster of *cluster*, and not one of another to which the number went."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 1)[0]
        return command.endswith(b"/postgres") and Path(f"/proc/{pid}/cwd").samefile(cluster)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _replace(path: Path, text: str, owner: RunAs) -> None:
    # The folder is the other user's: root must not follow what that user may have put in this place.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if owner.is_other:
            os.fchown(descriptor, owner.uid, owner.gid)
        file.write(text)


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])
