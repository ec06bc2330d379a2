"""Tenants come, change, pass from state to state, and are seen by nobody else."""

from __future__ import annotations

import asyncpg
import pytest
from stanforis.tenancy.tenants import (
    PASSAGES,
    PassageError,
    SlugTakenError,
    State,
    TenancyError,
    Tenant,
    UnknownTenantError,
    require_passage,
)


async def test_a_tenant_is_kept_as_it_was_given(registry, slug):
    before = await registry.generation()
    made = await registry.create(slug, {"name": "Clinic", "plan": "clinic", "languages": ["rw", "en"]})
    assert await registry.tenant(slug) == made
    assert (made.name, made.state, made.plan, made.languages) == ("Clinic", State.TRIAL, "clinic", ("rw", "en"))
    assert await registry.generation() > before
    assert made in await registry.tenants()


async def test_settings_are_changed_one_by_one(registry, slug):
    await registry.create(slug, {"time_zone": "Africa/Kigali"})
    changed = await registry.change(slug, {"profiles": "enforce", "cors_origins": ["https://app.example.org"]})
    assert (changed.profiles, changed.cors_origins) == ("enforce", ("https://app.example.org",))
    assert changed.time_zone == "Africa/Kigali"
    assert await registry.change(slug, {}) == changed


async def test_a_time_zone_is_given_once_also_by_the_database(registry, slug, pool, contexts):
    await registry.create(slug, {"time_zone": "Africa/Kigali"})
    with pytest.raises(TenancyError, match=f"db reindex --time-zone {slug}=ZONE"):
        await registry.change(slug, {"time_zone": "Asia/Tokyo"})
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchval("SELECT tenancy.enter($1)", contexts.of(connection, 0))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE tenancy.tenant SET time_zone = 'UTC'")


@pytest.mark.parametrize("bad", ["", "A", "7", "7a", "-a", "a-", "a.b", "a/b", "a b", "é", "a" * 64])
async def test_a_name_that_cannot_stand_in_an_address_is_refused(registry, bad):
    with pytest.raises(TenancyError, match="letters, digits and hyphens"):
        await registry.create(bad, {})


BAD_SETTINGS = [
    {"plan": "none"},
    {"profiles": "maybe"},
    {"state": "active"},
    {"name; --": "x"},
    {"time_zone": "Kigali"},
    {"languages": ["Kinyarwanda!"]},
    {"cors_origins": ["app.example.org"]},
    {"cors_origins": ["other@https://app.example.org"]},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS)
async def test_a_setting_that_cannot_be_used_is_refused(registry, slug, settings):
    with pytest.raises(TenancyError):
        await registry.create(slug, settings)
    with pytest.raises(UnknownTenantError):
        await registry.tenant(slug)


async def test_a_name_is_given_once(registry, slug):
    await registry.create(slug, {})
    with pytest.raises(SlugTakenError, match=slug):
        await registry.create(slug, {})


async def test_a_tenant_lives_from_trial_to_its_end(registry, slug):
    await registry.create(slug, {})
    for state in (State.ACTIVE, State.SUSPENDED, State.EXPORTED, State.SHREDDED):
        assert (await registry.move(slug, state)).state is state
        assert (await registry.move(slug, state)).state is state
    with pytest.raises(PassageError, match="is shredded and cannot become active, only nothing"):
        await registry.move(slug, State.ACTIVE)


@pytest.mark.parametrize("before", State)
def test_no_other_passage_is_possible(before):
    tenant = Tenant(number=1, slug="a", name="a", state=before)
    for wanted in State:
        if wanted in PASSAGES[before]:
            require_passage(tenant, wanted)
        else:
            with pytest.raises(PassageError):
                require_passage(tenant, wanted)


def test_states_say_what_may_be_done():
    assert [state for state in State if state.may_write] == [State.TRIAL, State.ACTIVE]
    assert [state for state in State if state.may_read] == [State.TRIAL, State.ACTIVE, State.SUSPENDED]


async def test_a_tenant_sees_its_own_record_only_and_changes_none(registry, slug, pool, contexts):
    mine = await registry.create(slug, {})
    await registry.create(f"{slug}-other", {})
    async with pool.acquire() as connection, connection.transaction():
        assert await connection.fetch("SELECT * FROM tenancy.tenant") == []
        await connection.fetchval("SELECT tenancy.enter($1)", contexts.of(connection, mine.number))
        assert [row["slug"] for row in await connection.fetch("SELECT slug FROM tenancy.tenant")] == [slug]
        assert await connection.execute("UPDATE tenancy.tenant SET plan = 'unlimited'") == "UPDATE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("INSERT INTO tenancy.tenant (slug, name) VALUES ('smuggled', '')")
