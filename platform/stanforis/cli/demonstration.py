"""``stanforis up --demo``: invented patients for an empty server."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import orjson

from stanforis.cli.loading.client import Client
from stanforis.demo import demo_bundles


def load_demonstration(base_url: str, announce: Callable[[str], None], *, token: str | None = None) -> None:
    """Store the demonstration's patients at *base_url*, unless it has patients already.

    Args:
        base_url: the server just started.
        announce: told what came of it.
        token: an access token, where the server asks for one.
    """
    client = Client(base_url, lambda: {} if token is None else {"Authorization": f"Bearer {token}"})
    found = client.request("GET", "/Patient?_summary=count")
    if found.status != HTTPStatus.OK or orjson.loads(found.body).get("total"):
        return
    answers = [client.request("POST", "", bundle) for bundle in demo_bundles()]
    client.close()
    if all(answer.status == HTTPStatus.OK for answer in answers):
        announce(f"A few invented patients are in it: {base_url}/Patient?_count=5")
    else:
        announce("The invented patients could not be stored.")
