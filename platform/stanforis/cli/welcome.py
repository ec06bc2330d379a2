"""What ``stanforis up`` says once it is ready, beside its address: who may sign in, and what a newcomer may try."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from stanforis.cli.demonstration import load_demonstration
from stanforis.cli.listening import is_loopback
from stanforis.settings import Settings

_DEMO_SCOPE = "system/*.cruds"
_HERE = ("127.0.0.1", "::1", "localhost")


def welcome(settings: Settings, announce: Callable[[str], None], *, demo: bool, is_open: bool) -> None:
    """Tell *announce* what there is to know; with *demo* put a few invented patients into an empty server.

    Args:
        settings: of the running server.
        announce: told a line at a time.
        demo: load the demonstration, and tell a token for it.
        is_open: whether the server lets everybody in.
    """
    if not is_open:
        _say_administrator(settings, announce)
    token = None if is_open or not demo else _demo_token(settings)
    if demo:
        load_demonstration(settings.base_url, announce, token=token)
    # A token is shown where only this machine can use it, and no proxy stands in front.
    is_here = is_loopback(settings.host) and urlsplit(settings.base_url).hostname in _HERE
    if token is not None and is_here:
        announce(f'Good for 10 minutes; `stanforis token --data {settings.data}` gives another:\nTOKEN="{token}"')
        announce(f'curl -H "Authorization: Bearer $TOKEN" "{settings.base_url}/Patient?_count=5"')


def _say_administrator(settings: Settings, announce: Callable[[str], None]) -> None:
    from identity.access.hosting.beginning import first_sign_in  # noqa: PLC0415 - needed once

    found = first_sign_in(settings)
    if found is not None:
        url, name, password = found
        announce(f"First sign-in at {url}: name {name}, one-time password {password} (shown this once)")


def _demo_token(settings: Settings) -> str:
    from identity.access.hosting.owner import owner_key, owner_token  # noqa: PLC0415 - needed once

    return owner_token(owner_key(settings.data), settings.base_url, scope=_DEMO_SCOPE)
