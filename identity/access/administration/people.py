"""People: added, changed, locked, and let in again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from identity.access.administration.errors import AdministrationError, TakenError, UnknownError
from identity.access.administration.roles import OWNER
from identity.access.administration.shown import KnownPerson, Link, Most, Name, OneTime, Person, PersonChange
from identity.access.errors import OAuthError
from identity.access.grants.server import Server
from identity.access.people import accounts
from identity.access.people.passwords import hashed
from identity.access.people.signing_in import normal_name
from identity.access.people.way_in import link_for
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import User, new_id

_FOR_PEOPLE = (
    "openid fhirUser profile launch launch/patient launch/encounter offline_access online_access patient/*.cruds "
    "user/*.cruds"
)
"""What is granted at most by default; roles say what of it somebody has."""
_REFERENCE = re.compile(r"(?:(?:Patient|Practitioner|PractitionerRole|RelatedPerson|Person)/[A-Za-z0-9.-]{1,64})?")
_IN_THE_RECORD = frozenset({"Patient", "RelatedPerson", "Person"})
PAGE = 200


class People:
    """The people of one tenant."""

    def __init__(self, server: Server) -> None:
        """Look after those of *server*."""
        self._server = server

    async def every(self, after: Name = "", most: Most = PAGE) -> Sequence[KnownPerson]:
        """Return people in the order of their ids, those that follow *after*."""
        return [KnownPerson.of(user) for user in await self._server.store.users(after, most)]

    async def one(self, name: str) -> KnownPerson:
        """Return the person with this id or login name.

        Raises:
            UnknownError: there is none.
        """
        return KnownPerson.of(await self._user(name))

    async def add(self, person: Person) -> OneTime:
        """Add somebody; returns the password for the first sign-in.

        Raises:
            TakenError: somebody else has the login name.
            AdministrationError: the scope or reference is not understood.
        """
        login_name = normal_name(person.login_name)
        if await self._server.store.user_named(login_name) is not None:
            raise TakenError(f"Somebody has the login name {login_name!r} already.")
        _check(person)
        password = accounts.one_time_password()
        is_administrator = accounts.ADMINISTRATOR in person.roles
        told = person.model_dump() | _of_the_record(person) | {"login_name": login_name, "roles": tuple(person.roles)}
        told["scope"] = person.scope or (accounts.ADMINISTRATORS_SCOPE if is_administrator else _FOR_PEOPLE)
        user = User(
            user_id=new_id(),
            password_hash=hashed(password),
            must_change_password=True,
            password_until=self._server.clock() + accounts.ONE_TIME_SECONDS,
            **told,
        )
        await self._server.store.keep_user(user)
        return OneTime(user_id=user.user_id, login_name=login_name, one_time_password=password)

    async def change(self, name: str, change: PersonChange) -> KnownPerson:
        """Change what is known about somebody. Who is locked, or loses a role, loses tokens and sessions at once.

        Raises:
            UnknownError: there is nobody with this id or login name.
            AdministrationError: the scope or reference is not understood.
        """
        user = await self._user(name)
        _check(change)
        told = change.model_dump(exclude_unset=True)
        if "roles" in told:
            told["roles"] = tuple(told["roles"])
        # An access token says what was true when it was made.
        return KnownPerson.of(await accounts.end_sessions(self._server, user, **told))

    async def reset_password(self, name: str) -> OneTime:
        """Return a one-time password for somebody; sessions and grants end.

        Raises:
            UnknownError: there is nobody with this id or login name.
        """
        user = await self._user(name)
        password = await accounts.reset_password(self._server, user)
        return OneTime(user_id=user.user_id, login_name=user.login_name, one_time_password=password)

    async def link(self, name: str) -> Link:
        """Return a link by which somebody who cannot get in chooses a password, whoever keeps their name locked.

        Raises:
            UnknownError: there is nobody with this id or login name.
        """
        user = await self._user(name)
        return Link(user_id=user.user_id, url=await link_for(self._server, user))

    async def forget_second_factor(self, name: str) -> KnownPerson:
        """Take away somebody's authenticator and passkeys, such as those of a lost phone; sessions end.

        Raises:
            UnknownError: there is nobody with this id or login name.
        """
        user = await self._user(name)
        for passkey in await self._server.store.passkeys(user.user_id):
            await self._server.store.drop_passkey(passkey.credential_id)
        return KnownPerson.of(await accounts.end_sessions(self._server, user, totp_secret=None))

    async def end_sessions(self, name: str) -> KnownPerson:
        """End everything that somebody has signed in to: sessions, grants and tokens.

        Raises:
            UnknownError: there is nobody with this id or login name.
        """
        return KnownPerson.of(await accounts.end_sessions(self._server, await self._user(name)))

    async def let_try_again(self, name: str) -> KnownPerson:
        """Forget failed attempts to sign in under somebody's name.

        Raises:
            UnknownError: there is nobody with this id or login name.
        """
        user = await self._user(name)
        await accounts.let_try_again(self._server, user)
        return KnownPerson.of(user)

    async def _user(self, name: str) -> User:
        store = self._server.store
        if "\0" in name:
            raise UnknownError("There is nobody with this id or login name.")
        user = await store.user(name) or await store.user_named(normal_name(name))
        if user is None:
            raise UnknownError("There is nobody with this id or login name.")
        return user


def _of_the_record(person: Person) -> dict[str, str]:
    """Return what the resource of somebody who is in the record tells of them, as far as it was not told."""
    resource_type, _, logical_id = person.fhir_user.partition("/")
    told = {"subject_type": "person"} if resource_type in _IN_THE_RECORD else {}
    told |= {"patient": logical_id} if resource_type == "Patient" else {}
    return {name: value for name, value in told.items() if name not in person.model_fields_set}


def _check(person: Person | PersonChange) -> None:
    try:
        read_scopes(person.scope or "")
    except OAuthError as error:
        raise AdministrationError(f"scope: {error.description}.") from None
    if not _REFERENCE.fullmatch(person.fhir_user or ""):
        raise AdministrationError("fhir_user: expected is a reference such as Practitioner/1.")
    if OWNER in (person.roles or ()):
        raise AdministrationError("roles: owner is the role of the data folder's key, and nobody's else.")
