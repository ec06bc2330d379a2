from __future__ import annotations

import re
from pathlib import Path

import pytest
from stanforis.settings import PREFIX, SettingError, Settings, described_settings, variable

DOCUMENTATION = Path(__file__).parents[2] / "docs/settings.md"


def test_every_setting_has_a_default():
    assert Settings.from_environment({}).port == 8080


def test_a_variable_sets_and_what_is_given_wins():
    environment = {"STANFORIS_PORT": "9000", "STANFORIS_PAGE_SIZE": "20", "STANFORIS_LOG_REQUESTS": "off", "HOME": "/x"}
    settings = Settings.from_environment(environment, port=9001, host=None)
    assert (settings.port, settings.page_size, settings.log_requests, settings.host) == (9001, 20, False, "127.0.0.1")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("STANFORIS_PORT", "eighty"),
        ("STANFORIS_PORT", "70000"),
        ("STANFORIS_WORKERS", "-1"),
        ("STANFORIS_TIME_ZONE", "Mars/Olympus"),
        ("STANFORIS_TIME_ZONE", "../../etc/passwd"),
        ("STANFORIS_LOG_LEVEL", "loud"),
        ("STANFORIS_VALIDATION_ON_WRITE", "maybe"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_the_settings_name(key, value):
    with pytest.raises(SettingError, match=key) as refused:
        Settings.from_environment({key: value})
    assert value not in str(refused.value)


def test_a_misspelt_setting_is_refused():
    with pytest.raises(SettingError, match="STANFORIS_PROT"):
        Settings.from_environment({"STANFORIS_PROT": "8080"})


def test_page_sizes_have_to_fit_together():
    with pytest.raises(SettingError, match="STANFORIS_PAGE_SIZE_MAX"):
        Settings.from_environment({"STANFORIS_PAGE_SIZE": "500", "STANFORIS_PAGE_SIZE_MAX": "100"})


@pytest.mark.parametrize("name", described_settings())
def test_every_setting_is_documented_with_its_default(name):
    described = described_settings()[name]
    row = next((line for line in DOCUMENTATION.read_text().splitlines() if f"`{variable(name)}`" in line), "")
    assert described.doc in row
    assert described.unit in row
    if name != "data":
        default = getattr(Settings.from_environment({}), name)
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert f"| {f'`{shown}`' if shown else 'none'} |" in row


def test_nothing_is_documented_that_is_no_setting():
    known = {variable(name) for name in described_settings()}
    assert set(re.findall(PREFIX + "[A-Z0-9_]+", DOCUMENTATION.read_text())) == known
