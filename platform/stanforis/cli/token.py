"""``stanforis token``: an access token for scripts, made with the key of the data folder's owner."""

from __future__ import annotations

import json

from stanforis.cli.credentials import LOCAL_BASE
from stanforis.errors import OperatorError
from stanforis.settings import Settings


class TokenError(OperatorError):
    """A token like this cannot be made."""


def token(settings: Settings, *, scope: str | None, tenant: int, lifetime: int, as_json: bool) -> str:
    """Return an access token for the server of the data folder, or what it is as JSON.

    Args:
        settings: name the data folder, and the base URL where the server does not run.
        scope: what it allows; by default everything.
        tenant: whose resources are meant.
        lifetime: seconds.
        as_json: return JSON with the token, its base URL, scope and lifetime.

    Raises:
        TokenError: the scope is not understood.
        OperatorError: the key belongs to somebody else.
    """
    from identity.access.errors import OAuthError  # noqa: PLC0415 - heavy, and needed here only
    from identity.access.hosting.addresses import Site  # noqa: PLC0415 - the same
    from identity.access.hosting.owner import EVERYTHING, owner_key, owner_token  # noqa: PLC0415 - the same
    from identity.access.hosting.running import running_base  # noqa: PLC0415 - the same

    base = settings.base_url or running_base(settings.data) or LOCAL_BASE
    asked = EVERYTHING if scope is None else scope
    try:
        made = owner_token(owner_key(settings.data), base, scope=asked, tenant=tenant, lifetime=lifetime)
    except OAuthError as error:
        raise TokenError(f"No token: {error.description}.") from None
    if not as_json:
        return made
    told = {"access_token": made, "fhir_base": Site.of(base).tenant(tenant).fhir_base, "scope": asked}
    return json.dumps(told | {"expires_in": lifetime})
