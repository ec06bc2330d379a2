"""Passkeys: signing in by a key that never leaves the person's device.

A challenge is kept nowhere until it comes back: it carries its own end and is bound to the browser it was made for.

Spec: https://www.w3.org/TR/webauthn-2/
"""

from __future__ import annotations

import ipaddress
import secrets
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

import msgspec

from identity.access.grants.server import Server
from identity.access.people.signing_in import SignedIn
from identity.access.store.records import Passkey, User
from identity.access.tokens.compact import decode, encode
from identity.access.tokens.reading import UnreadableError, read_json

SECONDS = 300
"""How long a challenge is good."""
METHODS = ("hwk", "mfa")
"""A key, and the fingerprint or number that opens it (RFC 8176)."""
MOST = 20
"""Passkeys of one person."""
_LONGEST_NAME = 60


def is_possible(server: Server) -> bool:
    """Tell whether browsers make passkeys for the server's address: they do so for names, not for numbers."""
    try:
        ipaddress.ip_address(_host(server))
    except ValueError:
        return True
    return False


def new_challenge(server: Server, browser: str, purpose: str) -> bytes:
    """Return a challenge for the browser with the cookie *browser*."""
    head = f"{int(server.clock()) + SECONDS}.{secrets.token_urlsafe(16)}"
    return f"{head}.{_mark(server, browser, purpose, head)}".encode()


async def is_challenge(server: Server, challenge: bytes, browser: str, purpose: str) -> bool:
    """Tell whether *challenge* was made for this browser and purpose, is fresh, and comes for the first time."""
    head, _, mark = challenge.decode("ascii", errors="replace").rpartition(".")
    if not compare_digest(_mark(server, browser, purpose, head).encode(), mark.encode()):
        return False
    until, now = int(head.partition(".")[0]), server.clock()
    return now < until and await server.store.first_use("passkey", head, until, now)


async def registration_options(server: Server, user: User, browser: str) -> str:
    """Return what a browser needs to make a passkey for *user*, as JSON."""
    from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415 - heavy
    from webauthn.helpers import structs  # noqa: PLC0415 - the same

    known = await server.store.passkeys(user.user_id)
    options = generate_registration_options(
        rp_id=_host(server),
        rp_name=_host(server),
        user_id=user.user_id.encode(),
        user_name=user.login_name,
        user_display_name=user.name or user.login_name,
        challenge=new_challenge(server, browser, user.user_id),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=decode(each.credential_id)) for each in known],
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
    )
    return options_to_json(options)


async def register(server: Server, user: User, browser: str, credential: str, name: str) -> Passkey | None:
    """Return the passkey that a browser made, kept; None where it cannot be believed.

    Args:
        server: the authorization server.
        user: whose it is to be.
        browser: the cookie of the browser.
        credential: what the browser answered, JSON.
        name: what the person calls it.
    """
    from webauthn import verify_registration_response  # noqa: PLC0415 - heavy
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - the same

    challenge = _challenge_in(credential)
    if challenge is None or not await is_challenge(server, challenge, browser, user.user_id):
        return None
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(server),
            expected_origin=_origin(server),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError):
        return None
    passkey = Passkey(
        credential_id=encode(verified.credential_id),
        user_id=user.user_id,
        public_key=encode(verified.credential_public_key),
        sign_count=verified.sign_count,
        name=name[:_LONGEST_NAME],
        created_at=server.clock(),
    )
    is_known = await server.store.passkey(passkey.credential_id) is not None
    if is_known or len(await server.store.passkeys(user.user_id)) >= MOST:
        return None
    await server.store.keep_passkey(passkey)
    return passkey


def sign_in_options(server: Server, browser: str) -> str:
    """Return what a browser needs to sign somebody in, as JSON; the device offers whom it knows."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415 - heavy
    from webauthn.helpers.structs import UserVerificationRequirement  # noqa: PLC0415 - the same

    options = generate_authentication_options(
        rp_id=_host(server),
        challenge=new_challenge(server, browser, ""),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


async def sign_in(server: Server, browser: str, credential: str) -> SignedIn | None:
    """Return who signs in by what the browser answered (JSON), or None; nothing tells why."""
    from webauthn import verify_authentication_response  # noqa: PLC0415 - heavy
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - the same

    challenge, passkey = _challenge_in(credential), await _passkey(server, credential)
    user = None if passkey is None else await server.store.user(passkey.user_id)
    if passkey is None or user is None or not user.is_active or challenge is None:
        return None
    if not await is_challenge(server, challenge, browser, ""):
        return None
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(server),
            expected_origin=_origin(server),
            credential_public_key=decode(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, RecursionError):
        return None
    await server.store.keep_passkey(msgspec.structs.replace(passkey, sign_count=verified.new_sign_count))
    return SignedIn(user, METHODS)


async def _passkey(server: Server, credential: str) -> Passkey | None:
    found = _read(credential).get("id")
    return await server.store.passkey(found) if isinstance(found, str) and "\0" not in found else None


def _challenge_in(credential: str) -> bytes | None:
    """Return the challenge that the browser says it answers; its signature is over the same bytes."""
    try:
        response = _read(credential)["response"]
        challenge = _read(decode(response["clientDataJSON"]))["challenge"]
        return decode(challenge)
    except Exception:  # noqa: BLE001 - whatever it is, it is no answer of a browser
        return None


def _read(text: str | bytes) -> dict[str, Any]:
    try:
        return read_json(text, dict[str, Any])
    except UnreadableError:
        return {}


def _mark(server: Server, browser: str, purpose: str, head: str) -> str:
    return server.keyed_hash("passkey", f"{purpose}\0{browser}\0{head}")


def _host(server: Server) -> str:
    return urlsplit(server.issuer).hostname or ""


def _origin(server: Server) -> str:
    parts = urlsplit(server.issuer)
    return f"{parts.scheme}://{parts.netloc}"
