"""Accounts of people as an administrator looks after them.

A password that somebody else chose is good for one sign-in, which asks for another.
"""

from __future__ import annotations

import secrets
from typing import Any

from identity.access.grants.server import Server
from identity.access.people.passwords import hashed
from identity.access.people.signing_in import normal_name
from identity.access.store.records import User, new_id
from identity.access.tokens.claims import STAFF_SECONDS

ONE_TIME_SECONDS = 7 * 24 * 3600
"""How long a one-time password waits for its one sign-in."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that are not taken for each other."""
_GROUPS, _LETTERS = 5, 4
_LEAST_LETTERS = 5
"""Different ones in a password."""
FIRST_NAME = "admin"
ADMINISTRATOR = "administrator"
ADMINISTRATORS_SCOPE = "openid fhirUser profile offline_access access.read access.write hl7.read hl7.write user/*.cruds"


def one_time_password() -> str:
    """Return a password of 99 random bits that can be read out, such as ``abcd-efgh-jkmn-pqrs-tuvw``."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS)) for _ in range(_GROUPS))


async def first_administrator(server: Server) -> str | None:
    """Return the one-time password of the first administrator; None where there are people already."""
    password = one_time_password()
    user = User(
        user_id=new_id(),
        login_name=FIRST_NAME,
        password_hash=hashed(password),
        fhir_user="",
        scope=ADMINISTRATORS_SCOPE,
        roles=(ADMINISTRATOR,),
        name="Administrator",
        must_change_password=True,
    )
    return password if await server.store.keep_first_user(user) else None


async def reset_password(server: Server, user: User) -> str:
    """Return a one-time password for *user*; what the user had signed in to is over."""
    password = one_time_password()
    until = server.clock() + ONE_TIME_SECONDS
    await end_sessions(server, user, password_hash=hashed(password), must_change_password=True, password_until=until)
    await let_try_again(server, user)
    return password


async def choose_password(server: Server, user: User, password: str) -> User | None:
    """Give *user* a password of their own choice and return them; what they had signed in to is over.

    None where another password was set since *user* was looked up: what showed that they may choose was for that one.

    Raises:
        ValueError: it is too short, too long, or too easy to guess.
    """
    if normal_name(user.login_name) in password.casefold() or len(set(password)) < _LEAST_LETTERS:
        raise ValueError("a password holds more than the login name, or than a few letters again and again")
    now = server.clock()
    chosen = {"password_hash": hashed(password), "must_change_password": False, "password_until": 0, "valid_from": now}
    changed = await server.store.change_user(user.user_id, chosen, user.password_hash)
    if changed is not None:
        await _revoke(server, user, now)
    return changed


async def end_sessions(server: Server, user: User, **changes: Any) -> User:
    """Return *user* with *changes*, kept; what the user signed in to so far is over: sessions, grants and tokens."""
    now = server.clock()
    changed = await server.store.change_user(user.user_id, changes | {"valid_from": now})
    await _revoke(server, user, now)
    return changed or user


async def _revoke(server: Server, user: User, now: float) -> None:
    await server.revoke(user.user_id, now + STAFF_SECONDS)


async def let_try_again(server: Server, user: User) -> None:
    """Forget failed attempts under the name of *user*, so that somebody who was kept out may try at once."""
    await server.store.forget_failures(server.keyed_hash("login name", normal_name(user.login_name)))
