"""The profiles that a resource, or one in it, claims to follow, and those that FHIR demands for its code.

Spec: https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile, https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fhir_api.validation.profiles.merging import TYPE_PREFIX
from fhir_api.validation.profiles.places import Place
from fhir_api.validation.profiles.run import Json

_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_VITAL_SIGNS: Final = {
    (_LOINC, "85353-1"): "vitalspanel",
    (_LOINC, "9279-1"): "resprate",
    (_LOINC, "8867-4"): "heartrate",
    (_LOINC, "2708-6"): "oxygensat",
    (_LOINC, "59408-5"): "oxygensat",
    (_LOINC, "8310-5"): "bodytemp",
    (_SNOMED, "276885007"): "bodytemp",
    (_LOINC, "8302-2"): "bodyheight",
    (_LOINC, "9843-4"): "headcircum",
    (_LOINC, "29463-7"): "bodyweight",
    (_LOINC, "39156-5"): "bmi",
    (_LOINC, "85354-9"): "bp",
    (_LOINC, "76534-7"): "bp",
}
"""The profile that an Observation of a code has to follow; the first ones are the table of the specification."""


class Claim(NamedTuple):
    """A profile that a resource has to follow.

    Attributes:
        resource: JSON.
        place: where it stands.
        root: the resource that contains it; itself if it is not contained.
        canonical: of the profile.
    """

    resource: Json
    place: Place
    root: Json
    canonical: str


def claims(tree: Json, *, with_implied: bool) -> Iterator[Claim]:
    """Yield the profiles that a resource and all resources in it have to follow.

    Args:
        tree: parsed JSON of the resource.
        with_implied: whether vital signs have to follow their profiles although they do not claim it.
    """
    for resource, place, root in resources(tree, Place(None, tree["resourceType"]), tree):
        claimed = [canonical for canonical in resource.get("meta", {}).get("profile", ()) if canonical]
        if with_implied:
            claimed += implied(resource)
        for canonical in dict.fromkeys(claimed):
            yield Claim(resource, place, root, canonical)


def implied(resource: Json) -> list[str]:
    """Return the profiles that an Observation has to follow for its code."""
    if resource["resourceType"] != "Observation":
        return []
    codings = resource.get("code", {}).get("coding", ())
    names = (_VITAL_SIGNS.get((coding.get("system", ""), coding.get("code", ""))) for coding in codings)
    return [TYPE_PREFIX + name for name in names if name is not None]


def resources(tree: Json, place: Place, root: Json) -> Iterator[tuple[Json, Place, Json]]:
    """Yield a resource and all resources in it, with their places and what contains them."""
    yield tree, place, root
    for index, contained in enumerate(tree.get("contained", ())):
        yield from resources(contained, Place(place, "contained", index), tree)
    match tree["resourceType"]:
        case "Bundle":
            for index, entry in enumerate(tree.get("entry", ())):
                yield from _in_entry(entry, Place(place, "entry", index))
        case "Parameters":
            yield from _in_parameters(tree, place, "parameter")


def _in_entry(entry: Json, place: Place) -> Iterator[tuple[Json, Place, Json]]:
    if "resource" in entry:
        yield from resources(entry["resource"], Place(place, "resource"), entry["resource"])
    if "outcome" in entry.get("response", {}):
        outcome = entry["response"]["outcome"]
        yield from resources(outcome, Place(Place(place, "response"), "outcome"), outcome)


def _in_parameters(parent: Json, place: Place, name: str) -> Iterator[tuple[Json, Place, Json]]:
    for index, parameter in enumerate(parent.get(name, ())):
        here = Place(place, name, index)
        if "resource" in parameter:
            yield from resources(parameter["resource"], Place(here, "resource"), parameter["resource"])
        yield from _in_parameters(parameter, here, "part")
