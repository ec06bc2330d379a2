"""Checks the arguments of a call against the definition: names, types, parts, cardinality.

Spec: https://hl7.org/fhir/R4/operationdefinition.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.operations import OperationParameter
from conformance.types import is_subtype
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.outcome import Issue
from fhir_api.operations.arguments import Argument
from fhir_api.operations.reading import is_resource
from fhir_api.search.query import Parameter
from fhir_api.search.refusals import shown, suggestion
from fhir_api.search.types.reading import Reading
from fhir_api.search.types.registry import PARSERS
from fhir_api.validation.primitives import FORMATS


def check(known: Mapping[str, OperationParameter], arguments: Sequence[Argument], *, is_complete: bool = True) -> None:
    """Check the arguments of a call against the parameters that are *known*.

    Args:
        known: by name.
        arguments: what was given.
        is_complete: whether these are all, so that what is missing is missing.

    Raises:
        FhirError: MALFORMED with an issue for each fault, naming its place.
    """
    issues = [*_wrongs(known, arguments), *_too_many(known.values(), arguments)]
    if is_complete:
        issues += _missing(known.values(), arguments)
    if issues:
        raise FhirError(ErrorKind.MALFORMED, *issues)


def _wrongs(known: Mapping[str, OperationParameter], arguments: Sequence[Argument]) -> Iterator[Issue]:
    for argument in arguments:
        parameter = known.get(argument.name)
        if parameter is None:
            yield _unknown(argument, known)
        else:
            yield from _wrong(parameter, argument)


def _unknown(argument: Argument, known: Iterable[str]) -> Issue:
    diagnostics = f"There is no parameter {shown(argument.name)} here.{suggestion(argument.name, known)}"
    places = tuple(f"{place}.name" for place in argument.expressions)
    return Issue("error", "not-supported", diagnostics, places)


def _missing(known: Iterable[OperationParameter], arguments: Sequence[Argument], inside: str = "") -> Iterator[Issue]:
    counts = Counter(argument.name for argument in arguments)
    for parameter in known:
        if counts[parameter.name] < parameter.min:
            least = "is missing" if parameter.min == 1 else f"is needed {parameter.min} times"
            places = (inside,) if inside else ()
            yield Issue("error", "required", f"The parameter '{parameter.name}' {least}.", places)


def _too_many(known: Iterable[OperationParameter], arguments: Sequence[Argument]) -> Iterator[Issue]:
    for parameter in known:
        given = [argument for argument in arguments if argument.name == parameter.name]
        if parameter.max is not None and len(given) > parameter.max:
            diagnostics = (
                f"The parameter '{parameter.name}' can be given {_times(parameter.max)}, not {len(given)} times."
            )
            yield Issue("error", "structure", diagnostics, given[parameter.max].expressions)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _wrong(parameter: OperationParameter, argument: Argument) -> Iterator[Issue]:
    """Give what is wrong with the value of one argument."""
    if parameter.parts:
        if not argument.parts:
            yield _expected(argument, "parts", "structure")
        yield from _of_parts(parameter, argument)
    elif is_resource(parameter.type):
        found = argument.resource
        if found is None or not is_subtype(found.resource_type, str(parameter.type)):
            what = "a resource" if parameter.type == "Resource" else f"a {parameter.type}"
            yield _expected(argument, what, "structure")
    elif parameter.type == "Any":
        if not argument.type:
            yield _expected(argument, "a value", "structure")
    elif not argument.type or not is_subtype(argument.type, str(parameter.type)):
        yield _expected(argument, f"a value of type {parameter.type}", "structure")
    elif parameter.search_type:
        yield from _not_searched(parameter, argument)
    elif argument.type in FORMATS and not FORMATS[argument.type].is_met_by(argument.value):
        yield _expected(argument, FORMATS[argument.type].expected, "value")


def _of_parts(parameter: OperationParameter, argument: Argument) -> Iterator[Issue]:
    known = {part.name: part for part in parameter.parts}
    yield from _wrongs(known, argument.parts)
    yield from _too_many(known.values(), argument.parts)
    yield from _missing(known.values(), argument.parts, argument.place)


def _expected(argument: Argument, what: str, code: str) -> Issue:
    return Issue("error", code, f"The parameter '{argument.name}' has to be {what}.", argument.expressions)


def _not_searched(parameter: OperationParameter, argument: Argument) -> Iterator[Issue]:
    """Give what is wrong with a text that has to be the value of a search parameter."""
    kind = str(parameter.search_type)
    reader = PARSERS.get(kind)
    if reader is None:
        return
    searched = Parameter("Resource", parameter.name, kind, 0, "", "", targets=parameter.target_profiles)
    try:
        reader(searched, str(argument.value), Reading(), None)
    except FhirError:
        yield _expected(argument, f"the value of a search parameter of type {kind}", "value")
