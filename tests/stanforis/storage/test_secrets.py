from __future__ import annotations

import re
import stat
from pathlib import Path

from stanforis.storage.secrets import installation_secret


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path):
    folder = tmp_path / "data"
    secret = installation_secret(folder)
    assert re.fullmatch(r"[0-9a-f]{64}", secret)
    assert installation_secret(folder) == secret
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == ["secret"]


def test_two_installations_have_two_secrets(tmp_path: Path):
    assert installation_secret(tmp_path / "a") != installation_secret(tmp_path / "b")
