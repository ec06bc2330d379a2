"""JSON Web Keys as clients bring them, and the server's keys in their file."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from stanforis.errors import OperatorError

from identity.access.tokens.algorithms import ALGORITHMS, KeyRefusedError
from identity.access.tokens.jwk import public_jwk, read_key, read_key_set, thumbprint
from identity.access.tokens.keeping import keep, kept
from identity.access.tokens.keys import KeySet

P256 = public_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": ["EC"]},
        P256 | {"d": "AAAA"},
        P256 | {"x": 7},
        P256 | {"x": "AAAA"},
        P256 | {"y": P256["x"]},
        P256 | {"alg": "ES384"},
        P256 | {"alg": "none"},
        P256 | {"alg": "HS256"},
        {"kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA"},
        public_jwk(rsa.generate_private_key(65537, 1024).public_key()),  # noqa: S505 - refused for its size
    ],
)
def test_a_key_of_another_kind_is_refused(jwk):
    with pytest.raises(KeyRefusedError):
        read_key(jwk)


@pytest.mark.parametrize("jwks", [None, [], {}, {"keys": []}, {"keys": [P256, P256]}, {"keys": ["x"]}, {"keys": "x"}])
def test_a_key_set_without_distinct_keys_is_refused(jwks):
    with pytest.raises(KeyRefusedError):
        read_key_set(jwks)


def test_a_key_has_the_name_it_was_given_or_its_thumbprint():
    assert read_key(P256).kid == thumbprint(P256)
    assert list(read_key_set({"keys": [P256 | {"kid": "mine"}, P256 | {"use": "enc"}]})) == ["mine"]


def test_the_thumbprint_is_that_of_rfc_7638():
    # The example of RFC 7638 section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
        "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_key_is_published_as_it_is_read(name):
    published = public_jwk(ALGORITHMS[name].generate().public_key())
    assert read_key(published | {"alg": name}).jwk() == published | {
        "alg": name,
        "use": "sig",
        "kid": thumbprint(published),
    }


def test_keys_come_back_from_their_file(tmp_path):
    path = tmp_path / "signing-keys.json"
    assert kept(path) == ()
    keys = KeySet(algorithms=("ES256", "RS256"))
    keep(path, keys.keys)
    keep(path, keys.keys)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeySet(kept(path), algorithms=keys.algorithms).jwks() == keys.jwks()


@pytest.mark.parametrize("text", ["", "{}x", '[{"alg": "ES256"}]', '[{"alg":"none","private_key":""}]', "[7]"])
def test_a_spoilt_file_of_keys_is_told(tmp_path, text):
    path = tmp_path / "signing-keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(OperatorError, match="no signing keys"):
        kept(path)


def test_a_file_of_keys_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "signing-keys.json"
    keep(path, KeySet().keys)
    path.chmod(0o640)
    with pytest.raises(OperatorError, match="chmod 600"):
        kept(path)
