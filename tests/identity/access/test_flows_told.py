"""The table of flows and clients in docs/access.md: each test that it names is there, and each client goes some way."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SECTION = (ROOT / "docs/access.md").read_text().partition("## Which clients go which way\n")[2].partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| ")][1:]
TESTS = re.compile(r"^(?:async )?def (test_\w+)|^(Test\w+) = ", re.MULTILINE)


def test_the_tests_that_are_named_are_there():
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for pair in TESTS.findall(file.read_text())
        for name in pair
    }
    named = set(re.findall(r"`(test_\w+|Test\w+)`", SECTION))
    assert named
    assert named <= there


def test_each_flow_is_gone_by_a_client_and_refused():
    flows = {flow: set(clients.split()) for flow, clients, _ in ROWS}
    assert all(clients and clients <= set("ocfb") for clients in flows.values())
    assert set().union(*flows.values()) == set("ocfb")
    assert all("`" in refusals or "(" in refusals for _, _, refusals in ROWS)
