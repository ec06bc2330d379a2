"""Rules of the code that no other tool checks."""

from __future__ import annotations

import ast
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("fhir_api", "adapters", "identity", "mappings", "conformance", "platform/stanforis")
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders or PACKAGES:
        yield from sorted((ROOT / folder).rglob("*.py"))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("not a git work tree")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_standard_librarys_platform_still_wins():
    assert platform.python_implementation()
    assert not (ROOT / "platform/__init__.py").exists()
    assert not (ROOT / "platform/platform.py").exists()
    assert not (ROOT / "tests/platform").exists()
    found = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.python_version())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == platform.python_version()


def test_no_module_is_too_long_to_read():
    long = {str(path.relative_to(ROOT)): lines for path in sources() if (lines := _lines(path)) > LONGEST_MODULE}
    assert not long


def test_no_function_is_too_long_to_read():
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in sources()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    }
    assert not long


def test_only_tenancy_and_store_name_the_tenant_in_sql():
    allowed = (
        "adapters/hl7/store",
        "fhir_api/store",
        "identity/access/store",
        "platform/stanforis/audit/retiring.py",
        "platform/stanforis/tenancy",
        "platform/stanforis/storage",
    )
    filters = re.compile(r"tenant_id\s*(=|IN\b|,)|stanforis\.tenant", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if not str(path.relative_to(ROOT)).startswith(allowed)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and filters.search(node.value)
    ]
    assert not found


def test_nothing_asserts_at_run_time():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found


def test_only_settings_read_the_environment():
    # prometheus_client listens to a variable only, so the metrics write one.
    allowed = ("platform/stanforis/settings.py", "platform/stanforis/telemetry/metrics.py")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if str(path.relative_to(ROOT)) not in allowed
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert not found


SPEAKING = frozenset({"aiohttp", "http.client", "httpx", "requests", "urllib.request", "urllib3"})
"""Modules that ask others over HTTP."""
COMMANDS_OF_THE_OPERATOR = {
    "platform/stanforis/cli/doctor.py",
    "platform/stanforis/cli/hl7_operation.py",
    "platform/stanforis/cli/loading/client.py",
}
"""They ask the server that whoever typed the command named."""
CONNECTING = frozenset({"open_connection", "create_connection", "sock_connect", "getaddrinfo", "gethostbyname"})
CONNECTS = {
    "adapters/hl7/mllp/client.py": "destinations of messages stand in files of the operator",
    "platform/stanforis/cli/listening.py": "asks on which addresses of its own to listen",
    "platform/stanforis/outbound/client.py": "the one way out",
}


def test_there_is_one_way_out():
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources()
        if str(path.relative_to(ROOT)) not in COMMANDS_OF_THE_OPERATOR
        for node in ast.walk(_tree(path))
        for name in _imported(node) & SPEAKING
    }
    found |= {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for path in sources()
        if str(path.relative_to(ROOT)) not in CONNECTS
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in CONNECTING
    }
    assert not found, "requests to the outside go by stanforis.outbound: see docs/transport.md"


def _imported(node: ast.AST) -> set[str]:
    """Return the modules that a statement imports, with those they are in."""
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    else:
        return set()
    return {".".join(parts[:length]) for name in names for parts in [name.split(".")] for length in range(1, 3)}


@pytest.mark.parametrize("name", ["server.lock", "dev.lock"])
def test_lock_files_pin_by_hash_and_name_no_index(name):
    text = (ROOT / "requirements" / name).read_text()
    pinned = re.findall(r"^[a-z0-9][^\s=]*(?:\[[^]]*\])?==\S+", text, re.MULTILINE)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(pinned) == len(entries) > 20
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_every_locked_dependency_of_the_server_is_in_both_lock_files():
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^([a-z0-9][^\s=]*==[^\s;]+)", text, re.MULTILINE))

    assert pins("server.lock") <= pins("dev.lock")


def test_nothing_committed_names_a_machine():
    # the places packages come from are called after what they do: hosting, registering, mirroring
    place = rb"(?:hosted|registry|mirror|artifact)[a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:org|com|net|io|dev)\b"
    folders = b"|".join((b"work", b"root", b"home/[a-z]+"))
    setting = b"index" + rb"-url\s*="
    machine = re.compile(b"|".join((b"[/](?:" + folders + b")[/][a-z.]", setting, place)))
    assert machine.search(b"files.any" + b"hosted.org")
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path != Path(__file__) and path.stat().st_size < 1_000_000 and machine.search(path.read_bytes())
    ]
    assert not found


def test_nothing_is_left_for_later():
    later = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|type: ignore(?!\[)|noqa(?!:)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if later.search(line)
    ]
    assert not found


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))
