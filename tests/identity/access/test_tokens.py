"""Access tokens: what is verified, and every trick that is refused."""

from __future__ import annotations

import hashlib
import hmac

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from identity.access.errors import InvalidTokenError, OAuthError
from identity.access.tokens.claims import LARGEST, Confirmation, DigitalIdentity
from identity.access.tokens.keys import KeySet, Rotation
from identity.access.tokens.revocations import Revocations
from identity.access.tokens.signing import signed, signed_access_token
from identity.access.tokens.verifier import Expected, Verifier
from tests.support.access import FHIR, ISSUER, NOW, TestClock, access_claims, part, raw_part


@pytest.fixture
def clock():
    return TestClock()


@pytest.fixture(scope="module")
def made_keys():
    """Keys that take long to make."""
    return KeySet(algorithms=("ES256", "RS384", "ES384"), clock=TestClock()).keys


@pytest.fixture
def keys(clock, made_keys):
    return KeySet(made_keys, algorithms=("ES256", "RS384", "ES384"), clock=clock)


@pytest.fixture
def revocations(clock):
    return Revocations(clock)


@pytest.fixture
def verifier(keys, revocations, clock):
    return Verifier(keys.find, Expected(ISSUER, FHIR), revocations, remembered=2, clock=clock)


def payload(**changed):
    return msgspec.json.encode(access_claims(**changed))


def with_header(header, content, sign):
    signed_part = f"{part(header) if isinstance(header, dict) else raw_part(header)}.{raw_part(content)}"
    return f"{signed_part}.{raw_part(sign(signed_part.encode()))}"


@pytest.mark.parametrize("algorithm", ["ES256", "RS384", "ES384"])
def test_what_was_signed_is_verified(verifier, keys, algorithm):
    token = signed_access_token(access_claims(), keys.signer(algorithm))
    verified = verifier.verify(token)
    assert verified.claims == access_claims()
    assert verified.permissions.decide("Patient", "read").is_allowed
    assert verifier.verify(token) is verified


def test_a_full_token_stays_small(keys):
    claims = access_claims(
        token_id="x" * 22,
        grant_id="x" * 22,
        subject="x" * 22,
        scope="launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.cruds",
        patient="x" * 36,
        encounter="x" * 36,
        fhir_user="Practitioner/" + "x" * 36,
        confirmation=Confirmation(jkt="x" * 43),
        identity=DigitalIdentity(
            subject_type="practitioner",
            subject="x" * 22,
            tenant=12345,
            organisation="x" * 36,
            facility="1234",
            roles=("nurse",),
            assurance=2,
            policy_epoch=1234,
        ),
    )
    assert len(signed_access_token(claims, keys.signer())) <= LARGEST
    with pytest.raises(OAuthError, match="invalid_scope"):
        signed_access_token(access_claims(scope="x" * LARGEST), keys.signer())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"issuer": ISSUER + "/"}, "another issuer"),
        ({"audience": FHIR + "/"}, "another audience"),
        ({"audience": ("https://other.test",)}, "another audience"),
        ({"expires_at": NOW}, "expired"),
        ({"issued_at": NOW + 6, "expires_at": NOW + 100}, "not valid yet"),
        ({"not_before": NOW + 60}, "not valid yet"),
        ({"expires_at": NOW + 601}, "more than 600 seconds"),
        ({"scope": "everything"}, "scope is not understood"),
    ],
)
def test_claims_that_do_not_fit_are_refused(verifier, keys, changed, reason):
    token = signed_access_token(access_claims(**changed), keys.signer())
    with pytest.raises(InvalidTokenError, match=reason):
        verifier.verify(token)


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "iat", "exp", "jti", "client_id", "scope", "di"])
def test_a_claim_that_is_missing_is_refused(verifier, keys, missing):
    claims = msgspec.json.decode(payload())
    del claims[missing]
    with pytest.raises(InvalidTokenError, match="not those of an access token"):
        verifier.verify(signed(msgspec.json.encode(claims), keys.signer(), "at+jwt"))


@pytest.mark.parametrize("changed", [{"exp": "1800000300"}, {"exp": 1e400}, {"aud": {}}, {"iat": None}, {"di": []}])
def test_a_claim_of_another_type_is_refused(verifier, keys, changed):
    content = msgspec.json.encode(msgspec.json.decode(payload()) | changed)
    with pytest.raises(InvalidTokenError):
        verifier.verify(signed(content, keys.signer(), "at+jwt"))


@pytest.mark.parametrize("typ", ["JWT", "dpop+jwt", "", "at+jwt+x"])
def test_another_kind_of_token_is_refused(verifier, keys, typ):
    with pytest.raises(InvalidTokenError, match="typ of the header"):
        verifier.verify(signed(payload(), keys.signer(), typ))


@pytest.mark.parametrize(
    "added",
    [
        {"crit": ["exp"]},
        {"jku": "https://evil.test/jwks"},
        {"x5u": "https://evil.test/cert"},
        {"x5c": ["AAAA"]},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"b64": False},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
)
def test_a_header_with_more_than_it_needs_is_refused(verifier, keys, added):
    key = keys.signer()
    header = {"alg": "ES256", "kid": key.public.kid, "typ": "at+jwt"} | added
    with pytest.raises(InvalidTokenError, match="nothing else"):
        verifier.verify(with_header(header, payload(), key.sign))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS256", "ES384", "RS384", "RS256", "PS256", "es256"])
def test_the_header_does_not_choose_the_algorithm(verifier, keys, alg):
    key = keys.signer()
    header = {"alg": alg, "kid": key.public.kid, "typ": "at+jwt"}
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for sign in (key.sign, lambda content: hmac.digest(pem, content, hashlib.sha256)):
        with pytest.raises(InvalidTokenError, match="no key of the issuer"):
            verifier.verify(with_header(header, payload(), sign))


def test_no_signature_at_all_is_refused(verifier, keys):
    header = {"alg": "none", "kid": keys.signer().public.kid, "typ": "at+jwt"}
    for signature in ("", "."):
        with pytest.raises(InvalidTokenError, match="three parts"):
            verifier.verify(f"{part(header)}.{raw_part(payload())}.{signature}")


@pytest.mark.parametrize(
    "kid",
    ["../../../dev/null", "x' OR '1'='1", "/dev/null", "", "\0", "a" * 129, 7, None, ["k"], {"k": 1}, "http://e/#"],
)
def test_a_kid_is_only_a_name(verifier, keys, kid):
    header = {"alg": "ES256", "kid": kid, "typ": "at+jwt"}
    with pytest.raises(InvalidTokenError):
        verifier.verify(with_header(header, payload(), keys.signer().sign))


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256: a signature with a part that is zero modulo it fits everything where nobody looks."""


@pytest.mark.parametrize(
    "signature",
    [
        b"\0" * 64,
        b"\0" * 63 + b"\1",
        ORDER.to_bytes(32, "big") * 2,
        (b"\0" * 31 + b"\1") * 2,
        b"",
        b"\0",
        b"\0" * 63,
        b"\0" * 65,
        b"\0" * 5000,
        b"0\x06\x02\x01\x00\x02\x01\x00",
    ],
)
def test_a_signature_that_fits_everything_is_refused(verifier, keys, signature):
    header = {"alg": "ES256", "kid": keys.signer().public.kid, "typ": "at+jwt"}
    with pytest.raises(InvalidTokenError):
        verifier.verify(with_header(header, payload(), lambda _: signature))


def test_a_signature_in_another_notation_is_refused(verifier, keys):
    """DER, as the libraries below give it, is not what a token has."""
    key = keys.signer()
    header = {"alg": "ES256", "kid": key.public.kid, "typ": "at+jwt"}
    with pytest.raises(InvalidTokenError, match="no key of the issuer"):
        verifier.verify(with_header(header, payload(), lambda text: key.private.sign(text, ec.ECDSA(hashes.SHA256()))))


def test_the_kid_of_another_key_does_not_help(verifier, keys):
    signer, other = keys.signer("ES256"), keys.signer("ES384")
    header = {"alg": "ES384", "kid": other.public.kid, "typ": "at+jwt"}
    with pytest.raises(InvalidTokenError, match="no key of the issuer"):
        verifier.verify(with_header(header, payload(), signer.sign))


def test_a_member_that_stands_twice_is_refused(verifier, keys):
    key = keys.signer()
    header = f'{{"alg":"none","alg":"ES256","kid":"{key.public.kid}","typ":"at+jwt"}}'.encode()
    with pytest.raises(InvalidTokenError, match="each member once"):
        verifier.verify(with_header(header, payload(), key.sign))


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "a.b.c.d", "....", "é.é.é", "e30.e30.e30", "W10.e30.AAAA", "a" * 9000, "e30.e30.AA=="],
)
def test_what_is_no_token_is_refused(verifier, token):
    with pytest.raises(InvalidTokenError):
        verifier.verify(token)


def test_a_header_nested_deeply_is_refused(verifier):
    with pytest.raises(InvalidTokenError):
        verifier.verify(f"{raw_part(b'[' * 5000)}.e30.AAAA")


def test_each_changed_character_breaks_the_token(verifier, keys):
    token = signed_access_token(access_claims(), keys.signer())
    for place in range(0, len(token) - 2, 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(InvalidTokenError):
            verifier.verify(changed)


def test_bits_that_mean_nothing_are_refused(verifier, keys):
    """64 bytes end in a character of which four bits count: the others would give one token many texts."""
    token = signed_access_token(access_claims(), keys.signer("ES256"))
    other = token[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]]
    with pytest.raises(InvalidTokenError):
        verifier.verify(other)
    verifier.verify(token)


def test_a_token_seen_before_expires_all_the_same(verifier, keys, clock):
    token = signed_access_token(access_claims(), keys.signer())
    verifier.verify(token)
    clock.advance(300)
    with pytest.raises(InvalidTokenError, match="expired"):
        verifier.verify(token)


@pytest.mark.parametrize("name", ["token-1", "grant-1"])
def test_a_token_seen_before_is_refused_once_it_is_revoked(verifier, keys, revocations, name):
    token = signed_access_token(access_claims(), keys.signer())
    verifier.verify(token)
    revocations.add([("another", NOW + 600)])
    assert verifier.verify(token)
    revocations.add([(name, NOW + 600)])
    for _ in range(2):
        with pytest.raises(InvalidTokenError, match="revoked"):
            verifier.verify(token)


def test_only_so_many_tokens_are_remembered(verifier, keys):
    tokens = [signed_access_token(access_claims(token_id=str(n)), keys.signer()) for n in range(3)]
    first, second, _ = (verifier.verify(token) for token in tokens)
    assert verifier.verify(tokens[1]) is second
    assert verifier.verify(tokens[0]) is not first


def test_keys_are_announced_sign_and_overlap(clock):
    rotation = Rotation(announced=10, signs=100, overlap=50)
    keys = KeySet(rotation=rotation, clock=clock)
    first = keys.signer()
    clock.advance(91)
    assert keys.rotate()
    assert not keys.rotate()
    assert len(keys.jwks()["keys"]) == 2
    assert keys.signer() is first
    clock.advance(9)
    second = keys.signer()
    assert second is not first
    assert keys.find(first.public.kid) is not None
    clock.advance(50)
    keys.rotate()
    assert keys.find(first.public.kid) is None
    assert keys.signer() is second


def test_a_withdrawn_key_is_forgotten(keys, clock):
    token = signed_access_token(access_claims(), keys.signer())
    found = {keys.signer().public.kid: keys.signer().public}
    verifier = Verifier(found.get, Expected(ISSUER, FHIR), clock=clock)
    verifier.verify(token)
    found.clear()
    verifier.forget()
    with pytest.raises(InvalidTokenError, match="no key of the issuer"):
        verifier.verify(token)


def test_the_published_keys_are_public(keys):
    published = keys.jwks()["keys"]
    assert {key["alg"] for key in published} == {"ES256", "RS384", "ES384"}
    assert all(set(key) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"} for key in published)


def test_algorithms_say_what_their_keys_are(keys):
    assert isinstance(keys.signer("ES384").private, ec.EllipticCurvePrivateKey)
    assert isinstance(keys.signer("RS384").private, rsa.RSAPrivateKey)
    with pytest.raises(KeyError):
        keys.signer("HS256")
