"""``stanforis access explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stanforis.cli.explaining import Question, QuestionError, check, explained, show
from stanforis.settings import Settings

from fhir_api.store.postgres import migrations
from identity.access.hosting.owner import owner_key, owner_token
from identity.access.store import migrations as access_migrations

BASE = "http://127.0.0.1:8080/fhir"


@pytest.fixture
def settings(postgres: Any, tmp_path: Path) -> Settings:
    migrations.upgrade(postgres.owner_dsn)
    access_migrations.upgrade(postgres.owner_dsn)
    return Settings(data=tmp_path, base_url=BASE, database_url=postgres.owner_dsn, database_app_url=postgres.app_dsn)


@pytest.fixture
def asked(settings: Settings) -> Any:
    async def ask(interaction: str, what: str, **who: Any) -> dict[str, Any]:
        question = Question(interaction, what, 1, **{"scope": "user/*.cruds", **who})
        check(question)
        return await explained(settings, question)

    return ask


def effects(told: dict[str, Any]) -> dict[str, str]:
    return {reason["part"]: reason["effect"] for reason in told["reasons"]}


async def test_tells_which_part_refuses(asked):
    told = await asked("update", "Patient", roles=("administrator",))
    assert told["outcome"] == "refused"
    assert effects(told)["scopes"] == "allows"
    assert effects(told)["roles"] == "refuses"


async def test_tells_what_narrows(asked):
    told = await asked("read", "Observation", scope="patient/*.rs", patient="a", roles=("clinician",))
    assert (told["outcome"], effects(told)["scopes"]) == ("narrowed", "narrows")


async def test_a_token_says_who_asks(asked, settings):
    token = owner_token(owner_key(settings.data), BASE)
    told = await asked("delete", "Patient/none", token=token)
    assert (told["outcome"], told["roles"], told["exists"]) == ("allowed", ["owner"], False)
    assert told["reasons"][-1]["detail"] == "the installation itself, which keeps the records"


async def test_is_told_to_people_too(asked, capsys):
    show(await asked("read", "Patient", scope="user/Patient.rs", roles=("nurse",)))
    assert "read on Patient: allowed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("interaction", "what", "who"),
    [
        ("look", "Patient", {}),
        ("read", "Nothing", {}),
        ("read", "Patient/a_b", {}),
        ("read", "Patient", {"token": "x"}),
        ("read", "Patient", {"scope": "user/Nothing.r"}),
    ],
)
async def test_says_what_cannot_be_understood(asked, interaction, what, who):
    with pytest.raises(QuestionError):
        await asked(interaction, what, **who)
