"""Applications: registered, changed, switched off, given new secrets; and what people have allowed them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from identity.access.administration.errors import AdministrationError, UnknownError
from identity.access.administration.shown import LISTS, App, AppChange, KnownApp, KnownGrant, Most, Name
from identity.access.errors import OAuthError
from identity.access.grants.issuing import end_grant
from identity.access.grants.redirect_uris import check_redirect_uri
from identity.access.grants.server import Server
from identity.access.scopes.scope_set import read_scopes
from identity.access.store.records import Client, ClientAuthentication, GrantType, digest, new_id, new_secret
from identity.access.tokens.algorithms import KeyRefusedError
from identity.access.tokens.jwk import read_key_set

PAGE = 200


class Apps:
    """The applications of one tenant."""

    def __init__(self, server: Server) -> None:
        """Look after those of *server*."""
        self._server = server

    async def every(self, after: Name = "", most: Most = PAGE) -> Sequence[KnownApp]:
        """Return applications in the order of their ids, those that follow *after*."""
        return [KnownApp.of(client) for client in await self._server.store.clients(after, most)]

    async def one(self, client_id: str) -> KnownApp:
        """Return the application with this id.

        Raises:
            UnknownError: there is none.
        """
        return KnownApp.of(await self._client(client_id))

    async def add(self, app: App) -> KnownApp:
        """Register an application; returns it with its secret where it has one, this once.

        Raises:
            AdministrationError: what is told about it does not fit together.
        """
        is_secret = app.authentication == ClientAuthentication.SECRET_BASIC.value
        secret = new_secret() if is_secret else None
        kept = None if secret is None else digest(secret)
        client = _checked(Client(client_id=new_id(), secret_digest=kept, **_record(app.model_dump())))
        await self._server.store.keep_client(client)
        return KnownApp.of(client, secret)

    async def change(self, client_id: str, change: AppChange) -> KnownApp:
        """Change an application; what it loses is lost at the next refresh, or at once where it is switched off.

        Raises:
            UnknownError: there is none with this id.
            AdministrationError: what is told about it does not fit together.
        """
        client = await self._client(client_id)
        changed = _checked(replace(client, **_record(change.model_dump(exclude_unset=True))))
        await self._server.store.keep_client(changed)
        return KnownApp.of(changed)

    async def new_secret(self, client_id: str) -> KnownApp:
        """Give an application another secret, told this once; the old one is worth nothing.

        Raises:
            UnknownError: there is none with this id.
            AdministrationError: it has no secret.
        """
        client = await self._client(client_id)
        if client.authentication != ClientAuthentication.SECRET_BASIC:
            raise AdministrationError("The application has no secret: it proves who it is in another way.")
        secret = new_secret()
        changed = replace(client, secret_digest=digest(secret))
        await self._server.store.keep_client(changed)
        return KnownApp.of(changed, secret)

    async def grants(self, user_id: Name = "", most: Most = PAGE) -> Sequence[KnownGrant]:
        """Return living grants with refresh tokens, of one person or of everybody."""
        return [KnownGrant.of(each) for each in await self._server.store.families(user_id, self._server.clock(), most)]

    async def end_grant(self, grant_id: str) -> None:
        """End a grant with all its tokens.

        Raises:
            UnknownError: there is none with this id.
        """
        if "\0" in grant_id or await self._server.store.family(grant_id, self._server.clock()) is None:
            raise UnknownError("There is no living grant with this id.")
        await end_grant(self._server, grant_id)

    async def _client(self, client_id: str) -> Client:
        client = None if "\0" in client_id else await self._server.store.client(client_id)
        if client is None:
            raise UnknownError("There is no application with this id.")
        return client


def _record(told: dict[str, Any]) -> dict[str, Any]:
    """Return what was told, as a record has it.

    Raises:
        AdministrationError: a word is none of those there are.
    """
    try:
        if "grant_types" in told:
            told["grant_types"] = frozenset(GrantType(each) for each in told["grant_types"])
        if "authentication" in told:
            told["authentication"] = ClientAuthentication(told["authentication"])
    except ValueError:
        raise AdministrationError(f"grant_types: expected are some of {', '.join(GrantType)}.") from None
    return told | {name: tuple(told[name]) for name in LISTS if name in told}


def _checked(client: Client) -> Client:
    try:
        read_scopes(client.scope)
        for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
            check_redirect_uri(uri)
        if client.jwks is not None:
            read_key_set(client.jwks)
    except OAuthError as error:
        raise AdministrationError(f"{error.description}.") from None
    except KeyRefusedError as error:
        raise AdministrationError(f"jwks: {error}.") from None
    if GrantType.AUTHORIZATION_CODE in client.grant_types and not client.redirect_uris:
        raise AdministrationError("redirect_uris: at least one is needed for authorization_code.")
    has_keys = client.jwks is not None or client.jwks_uri is not None
    if has_keys != (client.authentication == ClientAuthentication.PRIVATE_KEY_JWT):
        raise AdministrationError("jwks: needed for private_key_jwt, and for nothing else.")
    if GrantType.CLIENT_CREDENTIALS in client.grant_types and client.authentication == ClientAuthentication.NONE:
        raise AdministrationError("authentication: an application without one gets no tokens for itself.")
    return client
