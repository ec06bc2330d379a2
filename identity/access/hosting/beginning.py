"""What the very first start of an installation makes: somebody who may let others in."""

from __future__ import annotations

import asyncio

from stanforis.settings import Settings

from identity.access.hosting.authority import Authority
from identity.access.people.accounts import FIRST_NAME, first_administrator


def first_sign_in(settings: Settings) -> tuple[str, str, str] | None:
    """Return where the first administrator signs in, the login name and the one-time password.

    Returns None where there are people already. The password is told this once; nobody can look it up later.
    """
    return asyncio.run(_first_sign_in(settings))


async def _first_sign_in(settings: Settings) -> tuple[str, str, str] | None:
    authority = Authority(settings)
    await authority.start()
    try:
        server = authority.server()
        password = await first_administrator(server)
        return None if password is None else (server.endpoint("account"), FIRST_NAME, password)
    finally:
        await authority.stop()
