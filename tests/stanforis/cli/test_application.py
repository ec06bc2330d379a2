from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stanforis.cli.application import application

COMMANDS = [["up"], ["load"], ["bench"], ["token"], ["doctor"], ["db", "upgrade"], ["db", "check"], ["db", "reindex"]]
COMMANDS += [
    *(["user", each] for each in ("add", "change", "list", "show", "link", "reset-password", "reset-second-factor")),
    *(["user", each] for each in ("end-sessions", "let-try-again")),
    *(["client", each] for each in ("add", "change", "list", "new-secret")),
    *([group, each] for group in ("role", "rule") for each in ("set", "list", "remove")),
    ["grant", "list"],
    ["grant", "end"],
]
COMMANDS += [["package", "add"], ["package", "list"], ["package", "remove"], ["tenant", "set"], ["tenant", "equip"]]


def stanforis(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from stanforis.cli import main; main()", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1"} | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_and_option_explains_itself(command):
    helped = stanforis(*command, "--help")
    assert helped.returncode == 0
    assert "--" in helped.stdout


def test_help_loads_nothing_heavy():
    code = "import sys; from stanforis.cli.application import application; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"asyncpg", "psycopg", "sqlalchemy", "uvicorn", "fhir_api", "prometheus_client", "lxml"}
    assert not heavy & set(loaded.stdout.split())
    assert application.info.name == "stanforis"


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["up"], {"STANFORIS_PORT": "many"}, 2, "STANFORIS_PORT"),
        (["up", "--port", "99999"], {}, 2, "--port"),
        (["up", "--host", "0.0.0.0"], {}, 1, "in the clear"),  # noqa: S104 - what must be refused
        (["load", "/nowhere"], {}, 1, "does not exist"),
        (["bench", "--base", "http://127.0.0.1:9/fhir"], {}, 1, "No server answers"),
        (["unknown"], {}, 2, "unknown"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_and_by_the_exit_code(tmp_path, arguments, environment, code, said):
    ran = stanforis(*arguments, STANFORIS_DATA=str(tmp_path), **environment)
    assert ran.returncode == code
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_doctor_says_what_is_wrong_and_how_to_right_it(tmp_path):
    tmp_path.chmod(0o755)
    ran = stanforis("doctor", "--json", "--data", str(tmp_path), "--port", "0")
    findings = {each["check"]: each for each in json.loads(ran.stdout)}
    assert ran.returncode == 3
    assert [name for name, each in findings.items() if not each["well"]] == ["permissions"]
    assert f"chmod 700 {tmp_path}" in findings["permissions"]["found"]


def test_doctor_finds_nothing_wrong_before_the_first_start(tmp_path):
    ran = stanforis("doctor", "--data", str(tmp_path / "new"), "--port", "0")
    assert ran.returncode == 0, ran.stdout
    assert not (tmp_path / "new").exists()


def test_the_schema_is_checked_and_upgraded(tmp_path: Path):
    data = str(tmp_path / "data")
    assert stanforis("db", "check", "--data", data).returncode == 3
    assert stanforis("db", "upgrade", "--data", data).returncode == 0
    checked = stanforis("db", "check", "--data", data)
    assert (checked.returncode, checked.stdout) == (0, "The schema is up to date.\n")
