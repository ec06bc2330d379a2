"""Signing keys in a file of the data folder that only its owner can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from stanforis.errors import OperatorError

from identity.access.tokens.algorithms import ALGORITHMS
from identity.access.tokens.keys import SigningKey


def keep(path: Path, keys: Iterable[SigningKey]) -> None:
    """Write *keys* to *path* in one step: a reader finds the old ones or the new ones."""
    text = json.dumps([_written(key) for key in keys])
    unfinished = path.with_name(f"{path.name}-{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def kept(path: Path) -> tuple[SigningKey, ...]:
    """Return the keys in *path*; none where there is no file.

    Raises:
        OperatorError: others can read the file, or it holds something else.
    """
    if not path.exists():
        return ()
    if path.stat().st_mode & 0o077:
        raise OperatorError(f"{path} can be read by others: run 'chmod 600 {path}'.")
    try:
        return tuple(_read(each) for each in json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError):
        raise OperatorError(f"{path} holds no signing keys; restore it from a backup or move it away.") from None


def _written(key: SigningKey) -> dict[str, Any]:
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "alg": key.algorithm.name,
        "signs_from": key.signs_from,
        "signs_until": key.signs_until,
        "private_key": pem,
    }


def _read(written: dict[str, Any]) -> SigningKey:
    private = load_pem_private_key(written["private_key"].encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError
    return SigningKey(private, ALGORITHMS[written["alg"]], written["signs_from"], written["signs_until"])
