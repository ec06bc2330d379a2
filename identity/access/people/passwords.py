"""Passwords: argon2id, and the same work whether or not there is anybody to compare with.

Spec: https://datatracker.ietf.org/doc/html/rfc9106
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 512
"""Characters of the longest password that is looked at."""
SHORTEST = 12
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# What a password is compared with where there is no user. Made here, so that it costs what a real one costs.
_NOBODYS = _HASHER.hash("the password of nobody")
# Each takes 19 MiB and a core; more of them at once would let strangers take the machine.
_AT_ONCE = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")


def hashed(password: str) -> str:
    """Return what is kept of a password.

    Raises:
        ValueError: it is shorter than :data:`SHORTEST` or longer than :data:`LONGEST`.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    return _HASHER.hash(password)


async def is_right(password: str, password_hash: str | None) -> bool:
    """Tell whether *password* is the one that was hashed; without a hash it never is, after the same time."""
    loop = asyncio.get_running_loop()
    matches = await loop.run_in_executor(_AT_ONCE, _matches, password[:LONGEST], password_hash or _NOBODYS)
    return matches and password_hash is not None and len(password) <= LONGEST


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
