"""Resources for hypothesis: of many types, with values from small sets, so that searches find some of them.

What no resource could be (an element without anything) is not drawn; all else that the specification allows may be.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.support.oracle.dates import span

Tree = dict[str, Any]
Drawn = st.SearchStrategy[Any]

IDS = ("1", "2", "a-b.C")
NOTHING = "\x00"
"""Stands for an element that is left out."""

TEXTS = (
    "Müller", "MULLER", "O'Brien", "obrien", "van der Berg", "Van-der  Berg", "Ñandú, Jr.", "100%_x", "Straße",
    "STRASSE",     "a\\b", "Zoë$Zoé|x", "Łukasz", "李小龍", "Mu", "\u01c5emal", "ﬁn", "ΑΘΉΝΑΣ", "a" * 70, "-",
)  # fmt: skip
CODES: tuple[Tree, ...] = (
    {"system": "http://a.org", "code": "x"},
    {"system": "http://a.org", "code": "y", "display": "Why"},
    {"system": "http://b.org", "code": "x"},
    {"code": "x"},
    {"system": "http://a.org", "code": "X"},
    {"system": "http://b.org", "code": "a,b|c$d\\e"},
    {"display": "only words"},
    {"system": "http://b.org"},
)
MOMENTS = (
    *("2020", "2020-02", "2020-02-29", "2020-03", "2020-03-01", "2020-12-31", "2021-01-01", "2019-12-31"),
    *("1931", "2090-01-01", "2020-03-01T00:30:00+02:00", "2020-02-29T23:30:00Z", "2020-03-01T00:00:00-05:00"),
    *("2020-12-31T23:59:59.999Z", "2020-03-08T07:30:00Z", "2020-02-29T22:00:00Z", "2021-01-01T04:59:59Z"),
    *("2021-01-01T05:00:00Z", "2020-02-29T23:30:00.5Z"),
)
NUMBERS = (5.4, 0.0054, 5400, 5.35, 5.45, 5.449, 5, 100, 0, -3, 0.05, 99.5, 100.5, 1e-7, 1234567.125, 0.1, 0.3)
UNITS: tuple[Tree, ...] = (
    {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
    {"unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
    {"unit": "gram", "system": "http://unitsofmeasure.org", "code": "g"},
    {"unit": "percent", "system": "http://unitsofmeasure.org", "code": "%"},
    {"unit": "mg"},
    {"system": "http://other.org", "code": "mg"},
    {"unit": "tablet"},
    {},
)
URLS = (
    "http://a.org/v",
    "http://a.org/v/w",
    "http://a.org/v|1",
    "http://a.org/v|2",
    "http://a.org/vw",
    "urn:oid:1.2.3",
)


def fields(**each: Drawn) -> Drawn:
    """Draw an object; what is drawn as ``NOTHING`` or empty is left out."""
    made = st.fixed_dictionaries({name.rstrip("_"): drawn for name, drawn in each.items()})
    return made.map(lambda tree: {name: value for name, value in tree.items() if value not in (NOTHING, [], {})})


def maybe(drawn: Drawn) -> Drawn:
    """Draw something, or nothing."""
    return st.one_of(st.just(NOTHING), drawn)


def some(drawn: Drawn, most: int = 2) -> Drawn:
    """Draw a list."""
    return st.lists(drawn, max_size=most)


def filled(drawn: Drawn) -> Drawn:
    """Draw only what is not empty."""
    return drawn.filter(bool)


def _is_in_order(start: str = "0001", end: str = "9998") -> bool:
    """Tell whether a period's end is behind its start, whatever the zone (invariant per-1)."""
    return start == end or span(start, UTC).start + timedelta(days=1) < span(end, UTC).end


TEXT = st.sampled_from(TEXTS)
CODING = st.sampled_from(CODES)
CONCEPT = filled(fields(coding=some(CODING), text=maybe(TEXT)))
MOMENT = st.sampled_from(MOMENTS)
DATE = st.sampled_from([moment for moment in MOMENTS if "T" not in moment])
INSTANT = st.sampled_from([moment for moment in MOMENTS if "T" in moment])
PERIOD = filled(fields(start=maybe(MOMENT), end=maybe(MOMENT))).filter(lambda period: _is_in_order(**period))
TIMING = filled(fields(event=some(MOMENT, 3), repeat=maybe(st.fixed_dictionaries({"boundsPeriod": PERIOD}))))
NUMBER = st.sampled_from(NUMBERS)
QUANTITY = st.builds(lambda value, unit: {"value": value, **unit}, NUMBER, st.sampled_from(UNITS))
RANGE = st.builds(
    lambda ends, unit, given: {name: {"value": ends[name == "high"], **unit} for name in given},
    st.tuples(NUMBER, NUMBER).map(sorted),
    st.sampled_from(UNITS),
    st.sampled_from([("low", "high"), ("low",), ("high",)]),
)
WHOLE = st.sampled_from([1, 5, 100])
IDENTIFIER = filled(
    fields(
        system=maybe(st.sampled_from(["http://a.org", "http://b.org"])),
        value=maybe(st.sampled_from(["x", "X", "a|b", "007"])),
        type=maybe(filled(fields(coding=some(CODING), text=maybe(TEXT)))),
    )
)
NAME = filled(
    fields(family=maybe(TEXT), given=some(TEXT), text=maybe(TEXT), prefix=some(TEXT, 1), suffix=some(TEXT, 1))
)
ADDRESS = filled(
    fields(
        line=some(TEXT),
        city=maybe(TEXT),
        district=maybe(TEXT),
        postalCode=maybe(st.sampled_from(["4000", "40"])),
        country=maybe(TEXT),
        text=maybe(TEXT),
        use=maybe(st.sampled_from(["home", "work"])),
    )
).filter(lambda address: address.keys() != {"use"})
CONTACT = st.fixed_dictionaries(
    {
        "system": st.sampled_from(["phone", "email"]),
        "value": st.sampled_from(["+250 788", "A@b.org", "a@B.org"]),
        "use": st.sampled_from(["home", "work"]),
    }
)
URL = st.sampled_from([url for url in URLS if "|" not in url])
CANONICAL = st.sampled_from(URLS)


def reference(*types: str) -> Drawn:
    """Draw a reference to a resource that may exist, one elsewhere, or one by identifier."""
    literal = st.builds("{}/{}".format, st.sampled_from(types), st.sampled_from(IDS))
    made = literal.flatmap(
        lambda key: st.sampled_from([key, key, key, f"{key}/_history/3", f"http://elsewhere.org/fhir/{key}"])
    )
    return st.one_of(
        made.map(lambda text: {"reference": text}),
        IDENTIFIER.map(lambda identifier: {"identifier": identifier}),
        st.builds(lambda text, identifier: {"reference": text, "identifier": identifier}, made, IDENTIFIER),
    )


def choice(name: str, **options: Drawn) -> Drawn:
    """Draw one of the types of ``name[x]``, or nothing: an object with one property at most."""
    named = [st.fixed_dictionaries({f"{name}{kind}": drawn}) for kind, drawn in options.items()]
    return st.one_of(st.just({}), *named)


META = fields(
    tag=some(CODING),
    security=some(CODING),
    profile=some(CANONICAL),
    source=maybe(URL),
)


def resource(resource_type: str, *choices: Drawn, **each: Drawn) -> Drawn:
    """Draw a resource of a type."""
    made = fields(meta=META, language=maybe(st.sampled_from(["en", "rw"])), **each)
    identified = st.builds(
        lambda tree, logical_id: {"resourceType": resource_type, "id": logical_id, **tree}, made, st.sampled_from(IDS)
    )
    for drawn in choices:
        identified = st.builds(lambda tree, more: {**tree, **more}, identified, drawn)
    return identified


GENDER = maybe(st.sampled_from(["male", "female", "unknown"]))
VALUES = {
    "Quantity": QUANTITY,
    "CodeableConcept": CONCEPT,
    "String": TEXT,
    "DateTime": MOMENT,
    "Period": PERIOD,
    "SampledData": st.fixed_dictionaries(
        {
            "origin": QUANTITY,
            "period": st.just(1),
            "dimensions": st.just(1),
            "data": st.sampled_from(["1 2 3", "E 5.4", "-3 100 E"]),
        }
    ),
}
COMPONENT = st.builds(
    lambda code, value, absent: {"code": code, **value, **absent},
    CONCEPT,
    choice("value", Quantity=QUANTITY, CodeableConcept=CONCEPT, String=TEXT),
    fields(dataAbsentReason=maybe(CONCEPT)),
)
PATIENT = reference("Patient")

RESOURCES = st.one_of(
    resource(
        "Patient",
        choice("deceased", Boolean=st.booleans(), DateTime=MOMENT),
        active=maybe(st.booleans()),
        name=some(NAME),
        telecom=some(CONTACT),
        address=some(ADDRESS),
        gender=GENDER,
        birthDate=maybe(DATE),
        identifier=some(IDENTIFIER),
        generalPractitioner=some(reference("Practitioner", "Organization")),
        managingOrganization=maybe(reference("Organization")),
        link=some(st.fixed_dictionaries({"other": PATIENT, "type": st.just("seealso")}), 1),
        communication=some(st.fixed_dictionaries({"language": CONCEPT}), 1),
    ),
    resource("Practitioner", name=some(NAME), gender=GENDER, identifier=some(IDENTIFIER), telecom=some(CONTACT)),
    resource(
        "Organization",
        name=maybe(TEXT),
        alias=some(TEXT),
        address=some(ADDRESS),
        partOf=maybe(reference("Organization")),
        identifier=some(IDENTIFIER),
        type=some(CONCEPT),
    ),
    resource(
        "Location",
        name=maybe(TEXT),
        partOf=maybe(reference("Location")),
        managingOrganization=maybe(reference("Organization")),
        position=maybe(
            st.fixed_dictionaries(
                {
                    "latitude": st.sampled_from([-1.95, -1.5, 89.9]),
                    "longitude": st.sampled_from([30.06, -179.99, 179.9]),
                }
            )
        ),
    ),
    resource(
        "Observation",
        choice("effective", DateTime=MOMENT, Period=PERIOD, Timing=TIMING, Instant=INSTANT),
        choice("value", **VALUES),
        status=st.sampled_from(["final", "amended"]),
        category=some(CONCEPT),
        code=CONCEPT,
        subject=maybe(reference("Patient", "Location")),
        encounter=maybe(reference("Encounter")),
        performer=some(reference("Practitioner", "Organization", "Patient")),
        hasMember=some(reference("Observation")),
        derivedFrom=some(reference("Observation"), 1),
        dataAbsentReason=maybe(CONCEPT),
        component=some(COMPONENT),
        identifier=some(IDENTIFIER, 1),
    ),
    resource(
        "Encounter",
        status=st.sampled_from(["finished", "planned"]),
        class_=CODING,
        subject=maybe(PATIENT),
        period=maybe(PERIOD),
        length=maybe(QUANTITY),
        partOf=maybe(reference("Encounter")),
        location=some(fields(location=reference("Location"), period=maybe(PERIOD)), 1),
        participant=some(filled(fields(type=some(CONCEPT), individual=maybe(reference("Practitioner"))))),
        diagnosis=some(st.fixed_dictionaries({"condition": reference("Condition")}), 1),
    ),
    resource(
        "Condition",
        choice("onset", DateTime=MOMENT, Period=PERIOD, Age=QUANTITY, Range=RANGE, String=TEXT),
        choice("abatement", DateTime=MOMENT, Age=QUANTITY, String=TEXT),
        code=maybe(CONCEPT),
        subject=PATIENT,
        encounter=maybe(reference("Encounter")),
        recordedDate=maybe(MOMENT),
        category=some(CONCEPT),
        evidence=some(filled(fields(code=some(CONCEPT), detail=some(reference("Observation")))), 1),
    ),
    resource(
        "RiskAssessment",
        choice("occurrence", DateTime=MOMENT, Period=PERIOD),
        status=st.just("final"),
        subject=PATIENT,
        prediction=some(
            st.builds(
                lambda risk, number: {"qualitativeRisk": risk, **number},
                CONCEPT,
                choice("probability", Decimal=NUMBER, Range=RANGE),
            )
        ),
    ),
    resource(
        "DiagnosticReport",
        choice("effective", DateTime=MOMENT, Period=PERIOD),
        status=st.sampled_from(["final", "amended"]),
        code=CONCEPT,
        subject=maybe(PATIENT),
        result=some(reference("Observation")),
        issued=maybe(INSTANT),
        conclusionCode=some(CONCEPT, 1),
    ),
    resource(
        "ValueSet",
        status=st.just("active"),
        url=maybe(URL),
        version=maybe(st.sampled_from(["1", "2"])),
        name=maybe(TEXT),
        title=maybe(TEXT),
        date=maybe(DATE),
        identifier=some(IDENTIFIER, 1),
        useContext=some(
            st.builds(
                lambda code, value: {"code": code, **value},
                CODING,
                choice("value", CodeableConcept=CONCEPT, Quantity=QUANTITY, Range=RANGE),
            ).filter(lambda context: len(context) > 1)
        ),
    ),
    resource(
        "PlanDefinition",
        status=st.just("active"),
        url=maybe(URL),
        library=some(CANONICAL),
        effectivePeriod=maybe(PERIOD),
    ),
    resource(
        "CarePlan",
        status=st.just("active"),
        intent=st.just("plan"),
        subject=PATIENT,
        instantiatesCanonical=some(CANONICAL),
        instantiatesUri=some(URL),
        period=maybe(PERIOD),
        activity=some(
            st.fixed_dictionaries(
                {
                    "detail": st.builds(
                        lambda when: {"status": "scheduled", **when}, choice("scheduled", Timing=TIMING, Period=PERIOD)
                    )
                }
            ),
            1,
        ),
    ),
    resource(
        "ChargeItem",
        status=st.just("billable"),
        code=CONCEPT,
        subject=PATIENT,
        factorOverride=maybe(NUMBER),
        quantity=maybe(QUANTITY),
        priceOverride=maybe(fields(value=NUMBER, currency=maybe(st.sampled_from(["RWF", "USD"])))),
    ),
    resource(
        "Group",
        type=st.just("person"),
        actual=st.booleans(),
        code=maybe(CONCEPT),
        member=some(st.fixed_dictionaries({"entity": PATIENT})),
        characteristic=some(
            st.builds(
                lambda code, value: {"code": code, "exclude": False, **value},
                CONCEPT,
                choice("value", CodeableConcept=CONCEPT, Boolean=st.booleans()),
            )
        ),
    ),
    resource(
        "List",
        status=st.just("current"),
        mode=st.just("working"),
        entry=some(st.fixed_dictionaries({"item": reference("Patient", "Observation", "Condition")}), 3),
    ),
)


def unique(resources: list[Tree]) -> list[Tree]:
    """Return the last of each type and id."""
    return list({(each["resourceType"], each["id"]): each for each in resources}.values())


POPULATIONS = st.lists(RESOURCES, min_size=10, max_size=24).map(unique)
