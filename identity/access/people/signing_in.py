"""Signing in: one answer for every reason to refuse, so that nobody learns who has an account here.

Failures are counted for each name, whether or not anybody has it, and for each address.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hmac import compare_digest

import pyotp

from identity.access.grants.server import Server
from identity.access.noting import Noted
from identity.access.people.passwords import is_right
from identity.access.store.records import User

FORGET_AFTER = 15 * 60
"""Seconds after the last failure, when counting starts anew."""
MOST_FAILURES = 10
"""Of one name; then the right password does not help either until counting starts anew."""
MOST_FROM_ADDRESS = 100
_LONGEST_NAME = 200
_STEP = 30


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who proved who they are.

    Attributes:
        user: who.
        methods: how, in the words of RFC 8176.
    """

    user: User
    methods: tuple[str, ...]


def normal_name(login_name: str) -> str:
    """Return a login name in the form it is kept in."""
    return unicodedata.normalize("NFKC", login_name).casefold().strip()[:_LONGEST_NAME]


async def sign_in(server: Server, login_name: str, password: str, code: str, address: str) -> SignedIn | None:
    """Return who signs in, or None; nothing tells why.

    Args:
        server: the authorization server.
        login_name: as it was typed.
        password: as it was typed.
        code: of the authenticator; looked at only where the user has one.
        address: where the request came from.
    """
    name = normal_name(login_name)
    by_name = server.keyed_hash("login name", name)
    by_address = server.keyed_hash("address", address)
    now = server.clock()
    # Counted first: attempts that come at once cannot all slip through before the first of them has failed.
    failures = await server.store.note_failure(by_name, now, FORGET_AFTER)
    from_address = await server.store.failures(by_address, now, FORGET_AFTER)
    user = await server.store.user_named(name)
    is_good = await is_right(password, None if user is None else user.password_hash)
    is_locked = failures > MOST_FAILURES or from_address >= MOST_FROM_ADDRESS
    is_over = user is not None and user.must_change_password and 0 < user.password_until <= now
    is_good = is_good and not is_locked and not is_over
    if user is None or not is_good or not user.is_active or not await has_code(server, user, code):
        await server.store.note_failure(by_address, now, FORGET_AFTER)
        await server.note(server.tenant, Noted("login", is_granted=False, subject=by_name, address=address))
        return None
    await server.store.forget_failures(by_name)
    subject = server.hashed_subject(user)
    await server.note(server.tenant, Noted("login", is_granted=True, subject=subject, address=address))
    return SignedIn(user, ("pwd",) if user.totp_secret is None else ("pwd", "otp", "mfa"))


async def has_code(server: Server, user: User, code: str) -> bool:
    """Tell whether *code* is the one that *user* has to show now; any is, where the user has no second factor."""
    return user.totp_secret is None or await is_code(server, user, user.totp_secret, code)


async def is_code(server: Server, user: User, secret: str, code: str) -> bool:
    """Tell whether *code* is the authenticator's, of this half minute or one beside it, and new."""
    now = int(server.clock())
    typed = code.replace(" ", "").encode(errors="replace")
    try:
        expected = [pyotp.TOTP(secret).at(now + offset * _STEP) for offset in (-1, 0, 1)]
    except ValueError:
        # The key comes back from a form when somebody begins to use an authenticator.
        return False
    if not any(compare_digest(typed, each.encode()) for each in expected):
        return False
    return await server.store.first_use(f"totp {user.user_id}", typed.decode(), now + 4 * _STEP, now)
