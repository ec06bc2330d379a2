"""The three configuration files of the embedded PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

_MEBIBYTE = 1024 * 1024
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

SUPERUSER = "postgres"
OWNER = "stanforis_owner"
APPLICATION = "stanforis_app"
DATABASE = "stanforis"

FIRST_STATEMENTS = f"""\
CREATE ROLE {OWNER} LOGIN;

CREATE ROLE {APPLICATION} LOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;

CREATE DATABASE {DATABASE} OWNER {OWNER};

REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;

GRANT CONNECT ON DATABASE {DATABASE} TO {APPLICATION};

"""
"""What a new cluster is told, for PostgreSQL's single-user mode (an empty line ends a statement)."""

HOST_BASED_AUTHENTICATION = """\
# Rewritten at each start. Only the socket, and only users of the operating system named in pg_ident.conf.
local all all peer map=stanforis
"""


def user_map(system_user: str) -> str:
    """Return ``pg_ident.conf``: *system_user* may take the three roles, nobody else any."""
    return "".join(f'stanforis "{system_user}" {role}\n' for role in (SUPERUSER, OWNER, APPLICATION))


def memory() -> int:
    """Return how many bytes of memory this machine or container has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        if path.exists() and (text := path.read_text().strip()).isdigit():
            return min(total, int(text))
    return total


def main_configuration(*, max_connections: int, durable: bool) -> str:
    """Return ``postgresql.conf``; without *durable* a crash of the machine may lose everything (for tests)."""
    available = memory() // _MEBIBYTE
    shared_buffers = max(64, min(2048, available // 4))
    values: dict[str, object] = {
        # Reached through the socket in the data folder only.
        "listen_addresses": "''",
        "unix_socket_directories": "'.'",
        "unix_socket_permissions": "0700",
        "max_connections": max_connections,
        "shared_buffers": f"{shared_buffers}MB",
        "effective_cache_size": f"{max(128, available // 2)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(64, min(256, available // 32))}MB",
        "synchronous_commit": "on" if durable else "off",
        "fsync": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "wal_buffers": "16MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # Data folders stand on solid-state disks or in the page cache.
        "random_page_cost": "1.1",
        # Requests are short: compiling a plan or starting parallel workers costs more than it saves.
        "jit": "off",
        "max_parallel_workers_per_gather": 0,
        "default_statistics_target": 100,
        # Health records are mostly inserted: keep statistics and the visibility map fresh without waiting for updates.
        "autovacuum_naptime": "15s",
        "autovacuum_max_workers": 2,
        "autovacuum_vacuum_insert_scale_factor": "0.1",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.05",
        # Statements, parameters and error details hold records of patients: none of them may reach the log.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
        "log_statement": "none",
        "log_autovacuum_min_duration": -1,
        "log_timezone": "'UTC'",
        "timezone": "'UTC'",
        "lc_messages": "'C'",
        "datestyle": "'iso, ymd'",
    }
    lines = ["# Rewritten at each start; settings of your own go into local.conf, which is read last."]
    lines += [f"{name} = {value}" for name, value in values.items()]
    lines.append("include_if_exists = 'local.conf'")
    return "\n".join(lines) + "\n"
