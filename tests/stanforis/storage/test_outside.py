"""An outside PostgreSQL, played by an embedded one whose superuser is the database URL's user."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from stanforis.storage.embedded import EmbeddedPostgres
from stanforis.storage.outside import OutsideDatabaseError, prepare, require_restricted, with_application_role


@pytest.fixture
def superuser_url(cluster: EmbeddedPostgres) -> str:
    """The URL of a superuser, in a cluster that does not have the application role yet."""
    url = cluster.connection.owner_dsn.replace("stanforis_owner@", "postgres@")
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("REVOKE ALL ON DATABASE stanforis FROM stanforis_app")
        session.execute("DROP ROLE stanforis_app")
    return url


def test_the_role_is_made_and_binds_even_a_superusers_connection(superuser_url: str):
    app_url = with_application_role(superuser_url)
    prepare(superuser_url)
    prepare(superuser_url)
    require_restricted(app_url)
    with psycopg.connect(app_url) as app:
        assert app.execute("SELECT current_user::text, session_user::text").fetchone() == ("stanforis_app", "postgres")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE own (n int)")


def test_an_ordinary_owner_can_take_a_role_a_superuser_made(cluster: EmbeddedPostgres):
    owner_url = cluster.connection.owner_dsn
    with pytest.raises(OutsideDatabaseError, match="CREATE ROLE stanforis_app"):
        prepare(owner_url)
    with psycopg.connect(owner_url.replace("stanforis_owner@", "postgres@"), autocommit=True) as superuser:
        superuser.execute("GRANT stanforis_app TO stanforis_owner")
    prepare(owner_url)
    require_restricted(with_application_role(owner_url))


def test_a_login_that_may_go_back_is_warned_of(cluster: EmbeddedPostgres, caplog: pytest.LogCaptureFixture):
    database = cluster.connection
    with psycopg.connect(database.owner_dsn, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA IF NOT EXISTS tenancy")
    require_restricted(database.app_dsn)
    assert caplog.text == ""
    with psycopg.connect(database.owner_dsn.replace("stanforis_owner@", "postgres@"), autocommit=True) as superuser:
        superuser.execute("GRANT stanforis_app TO stanforis_owner")
    require_restricted(with_application_role(database.owner_dsn))
    assert "STANFORIS_DATABASE_APP_URL" in caplog.text


@pytest.mark.parametrize("role", ["postgres", "stanforis_owner"])
def test_a_role_that_row_security_does_not_bind_is_refused(cluster: EmbeddedPostgres, role: str):
    with pytest.raises(OutsideDatabaseError, match="keep tenants apart"):
        require_restricted(cluster.connection.owner_dsn.replace("stanforis_owner@", f"{role}@"))


def test_a_database_that_does_not_answer_is_said():
    with pytest.raises(OutsideDatabaseError, match="cannot be reached"):
        prepare("postgresql://nobody@127.0.0.1:9/none")


def test_options_of_the_url_are_kept():
    url = with_application_role("postgresql://u:p%40ss@db.example:5432/fhir?sslmode=require&options=-c%20jit%3Doff")
    parts = urlsplit(url)
    assert (parts.username, parts.password, parts.hostname, parts.path) == ("u", "p%40ss", "db.example", "/fhir")
    query = parse_qs(parts.query)
    assert query["sslmode"] == ["require"]
    assert query["options"] == ["-c jit=off -c role=stanforis_app"]
