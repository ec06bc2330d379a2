"""Those who vouch for software that registers itself: their public keys, which the operator puts into the data folder.

Spec: https://datatracker.ietf.org/doc/html/rfc7591#section-2.3
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from stanforis.errors import OperatorError

from identity.access.tokens.algorithms import KeyRefusedError
from identity.access.tokens.jwk import VerificationKey, read_key_set


def statement_keys(folder: Path) -> Mapping[str, VerificationKey]:
    """Return the keys in the data folder by ``kid``; none where there is no such file, so that nobody registers.

    Raises:
        OperatorError: the file is no set of public keys that can be used.
    """
    path = folder / "access" / "statement-keys.json"
    if not path.exists():
        return {}
    try:
        return read_key_set(msgspec.json.decode(path.read_bytes()))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, KeyRefusedError) as error:
        raise OperatorError(f"{path} cannot be used: {error}. Expected is a JWK set of public keys.") from None
