"""What a start says to whoever sits in front of it."""

from __future__ import annotations

import pytest
from stanforis.cli import welcome
from stanforis.settings import Settings


@pytest.mark.parametrize(
    ("host", "base", "is_shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/fhir", True),
        ("::1", "http://[::1]:8080/fhir", True),
        ("0.0.0.0", "https://127.0.0.1:8080/fhir", False),  # noqa: S104 - where no token is shown
        ("127.0.0.1", "https://192.0.2.1/fhir", False),
    ],
)
def test_a_token_is_shown_on_this_machine_only(tmp_path, monkeypatch, host, base, is_shown):
    monkeypatch.setattr(welcome, "_say_administrator", lambda *_: None)
    monkeypatch.setattr(welcome, "load_demonstration", lambda *_, **__: None)
    said: list[str] = []
    settings = Settings(data=tmp_path, host=host, base_url=base)
    welcome.welcome(settings, said.append, demo=True, is_open=False)
    assert any("TOKEN=" in line for line in said) is is_shown


def test_an_open_server_has_no_token_to_show(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(welcome, "load_demonstration", lambda *_, token, **__: shown.append(token))
    said: list[str] = []
    settings = Settings(data=tmp_path, base_url="http://127.0.0.1:8080/fhir")
    welcome.welcome(settings, said.append, demo=True, is_open=True)
    assert (shown, said) == ([None], [])
