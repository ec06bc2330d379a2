"""Requests that a hostile or careless client might send, for hypothesis."""

from __future__ import annotations

import gzip

import orjson
from hypothesis import strategies as st

from fhir_api.rest.routes import ROUTES

Request = tuple[str, str, str, list[tuple[bytes, bytes]], bytes]
"""Method, path, query, headers, body."""


def one_of_words(text: str) -> st.SearchStrategy[str]:
    """Draw one of the words of *text*; ``~`` stands for nothing."""
    return st.sampled_from(["" if word == "~" else word for word in text.split()])


METHODS = one_of_words("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE BREW")
_SEGMENTS = st.one_of(
    one_of_words(
        "Patient Observation Binary Bundle Nonsense a b 1 2 _history _search metadata * $everything"
        " .. . ~ %2e %00 %zz %ff a%2Fb Patient%20 _ $ -"
    ),
    st.just("A" * 65),
)
_NAMES = one_of_words(
    "_id _count _sort _cursor _summary _elements _total _include _revinclude _has _type _lastUpdated _since _at"
    " _format _pretty _tag _list _filter _text name name:exact name:missing birthdate identifier gender:not"
    " general-practitioner.name _has:Observation:subject:code value-quantity code:in subject:Patient.name"
    " code-value-quantity date mode x ~ :"
    " profile start end max patient category persist id url system count offset query meta"
)
_VALUES = st.one_of(
    one_of_words(
        "1 0 -1 a true 2020 ge2020-01 2020-02-30 9999-12-31 0000 2020-01-01T25:00 http://x|1 | a|b|c %2C %5C a%5C%2Cb"
        " Patient/a 5.4|http://unitsofmeasure.org|kg 1e400 1e-400 nan inf ap1e308 eq lt +1 json xml * Patient:*"
        " Patient:organization:Organization Observation:subject -date,,name name,-name %F0%9F%92%89 %00 % a$b $"
    ),
    st.just("9" * 400),
    st.text(max_size=12).map(lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "replace"))),
)
QUERIES = st.lists(st.tuples(_NAMES, _VALUES), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
_CONTENT_TYPES = one_of_words(
    "application/fhir+json application/json-patch+json application/fhir+xml text/plain ;;; \xff"
    " application/x-www-form-urlencoded application/fhir+json;charset=utf-16"
)
_HEADER_NAMES = one_of_words(
    "accept prefer if-match if-none-match if-modified-since if-none-exist host accept-encoding content-encoding"
    " content-length x-request-id x-security-context"
)
_HEADER_VALUES = st.one_of(
    one_of_words(
        '*/* W/"1" W/"999999999999" * name=x identifier=a|b gzip deflate return=minimal respond-async -1 ?=% q=;,;='
        " handling=lenient application/fhir+xml Patient/1"
    ),
    st.sampled_from(["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 99 Nov 99999 99:99:99 GMT"]),
)
_HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just(b"content-type"), _CONTENT_TYPES.map(lambda text: text.encode("latin-1"))),
        st.tuples(_HEADER_NAMES.map(str.encode), st.one_of(_HEADER_VALUES.map(str.encode), st.binary(max_size=20))),
    ),
    max_size=4,
)
_PROPERTIES = one_of_words(
    "name id meta extension url valueString identifier system value contained reference birthDate _birthDate text div"
    " status code coding gender x ~"
)
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70).map(float),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=10),
        one_of_words("Patient Patient/a urn:uuid:1 2020-01-01 http://x"),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_PROPERTIES, inner, max_size=4)),
    max_leaves=12,
)
_UNSOUND = st.builds(
    lambda resource_type, rest: {"resourceType": resource_type, "id": "a", **rest},
    st.sampled_from(["Patient", "Observation", "Binary", "Nonsense", "Bundle", 1]),
    st.dictionaries(one_of_words("name gender meta contained text extension"), _JSON, max_size=3),
)
_SOUND = st.sampled_from(
    [
        {"resourceType": "Patient", "id": "a", "identifier": [{"system": "http://x", "value": "1"}], "gender": "male"},
        {"resourceType": "Patient", "id": "b", "name": [{"family": "B"}], "birthDate": "2020"},
        {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}, "valueInteger": 1},
        {"resourceType": "Binary", "id": "a", "contentType": "text/plain", "data": "aGk="},
    ]
)
_RESOURCES = st.one_of(_SOUND, _UNSOUND)
_ENTRIES = st.builds(
    lambda method, path, query, resource: {
        "fullUrl": "urn:uuid:1",
        "resource": resource,
        "request": {"method": method, "url": f"{path}?{query}", "ifNoneExist": query, "ifMatch": path},
    },
    METHODS,
    one_of_words("Patient Patient/a ~ metadata Patient/a/_history _history Nope http://x/y %"),
    QUERIES,
    _RESOURCES,
)
_BUNDLES = st.builds(
    lambda kind, entries: {"resourceType": "Bundle", "type": kind, "entry": entries},
    st.sampled_from(["batch", "transaction", "history", None]),
    st.lists(_ENTRIES, max_size=3),
)
_PATCHES = st.lists(
    st.builds(
        lambda operation, path, value: {"op": operation, "path": path, "from": path, "value": value},
        one_of_words("add remove replace move copy test blow"),
        st.sampled_from(["/gender", "/name/0", "/name/-", "/id", "", "/", "/meta", "gender", "/~2", "/name/99", 1]),
        _JSON,
    ),
    max_size=3,
)
_PARAMETERS = st.builds(
    lambda parameters: {"resourceType": "Parameters", "parameter": parameters},
    st.lists(
        st.builds(
            lambda name, member, value, more: {"name": name, member: value, **more},
            one_of_words(
                "resource mode profile meta _type _count _since start end max patient persist id url code system"
                " category coding codeableConcept valueSet codeSystem count offset codeA codeB codingA query ~"
            ),
            one_of_words(
                "valueString valueCode valueUri valueBoolean valueInteger valuePositiveInt valueDate valueInstant"
                " valueMeta valueCoding valueCodeableConcept resource part _valueString valueNonsense"
            ),
            st.one_of(
                one_of_words(
                    "create update Patient 2026 2026-11-23T08:00:00Z a http://hl7.org/fhir/ValueSet/languages"
                ),
                st.sampled_from([{"tag": [{"code": "x"}]}, {"system": "http://x", "code": "1"}, {"coding": [{}]}, {}]),
                _RESOURCES,
                _JSON,
            ),
            st.sampled_from([{}, {}, {"_name": {"id": "a"}}, {"extension": [{"url": "http://x"}]}]),
        ),
        max_size=4,
    ),
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    st.one_of(_RESOURCES, _BUNDLES, _PATCHES, _JSON).map(orjson.dumps),
    st.one_of(_RESOURCES, _BUNDLES).map(orjson.dumps).map(gzip.compress),
    QUERIES.map(str.encode),
    st.sampled_from(
        [b"", b"-", b"[" * 200_000, b'{"a":' * 5000, b"1e999999", b"\xef\xbb\xbf{}", b'"\\ud800"', b"<" * 99]
    ),
    st.sampled_from([b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>', b"<a>" * 5000]),
)
_FILLED = {
    "{type}": one_of_words("Patient Observation Binary Bundle Group Encounter Composition ValueSet CodeSystem"),
    "{id}": one_of_words("a b"),
    "{version}": one_of_words("1 2 0 99999999999"),
}
_TAKEN: dict[str | None, tuple[bytes, st.SearchStrategy[bytes]]] = {
    None: (b"text/plain", st.just(b"")),
    "resource": (b"application/fhir+json", _RESOURCES.map(orjson.dumps)),
    "bundle": (b"application/fhir+json", _BUNDLES.map(orjson.dumps)),
    "patch": (b"application/json-patch+json", _PATCHES.map(orjson.dumps)),
    "form": (b"application/x-www-form-urlencoded", QUERIES.map(str.encode)),
    "operation": (b"application/fhir+json", st.one_of(_PARAMETERS, _PARAMETERS, _RESOURCES).map(orjson.dumps)),
}


def wild_requests() -> st.SearchStrategy[Request]:
    """Draw requests without regard to what the server has."""
    paths = st.lists(_SEGMENTS, max_size=5).map(lambda segments: "/".join(["/fhir", *segments]))
    return st.tuples(METHODS, paths, QUERIES, _HEADERS, _BODIES)


@st.composite
def aimed_requests(draw: st.DrawFn) -> Request:
    """Draw requests that some route takes, mostly with what it expects."""
    route = draw(st.sampled_from(ROUTES))
    path = "/".join(draw(_FILLED[part]) if part in _FILLED else part for part in route.path.split("/"))
    query = draw(st.one_of(st.just(""), st.just("identifier=http://x|1"), QUERIES))
    headers = draw(st.one_of(st.just([]), st.just([]), _HEADERS))
    content_type, bodies = _TAKEN[route.takes]
    return route.method, f"/fhir{path}", query, [(b"content-type", content_type), *headers[:2]], draw(bodies)
