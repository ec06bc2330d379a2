"""``_include`` and ``_revinclude``: other resources that come along.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import Include, Parameter
from fhir_api.search.refusals import bad_value, unknown_parameter, unknown_type, unsupported_modifier

_EVERYTHING = frozenset({"*", "*:*"})
_ITERATE = frozenset({"iterate", "recurse"})
"""``recurse`` is what STU3 called it."""


def parse_include(
    definitions: SearchDefinitions, resource_types: Sequence[str], name: str, value: str
) -> tuple[Include, ...]:
    """Return what ``_include[:iterate]=Type:parameter[:Target]`` (or ``Type:*``, or ``*``) brings along.

    Args:
        definitions: the parameters there are.
        resource_types: the types searched.
        name: ``_include`` or ``_revinclude``, with its modifier.
        value: as in the request.

    Raises:
        FhirError: an unknown type, parameter or modifier, or another form.
    """
    code, colon, modifier = name.partition(":")
    if colon and modifier not in _ITERATE:
        raise unsupported_modifier(code, modifier, ("iterate",))
    reverse, iterate = code == "_revinclude", bool(colon)
    if value in _EVERYTHING:
        return _wildcard(definitions, resource_types, reverse, iterate)
    source_type, _, rest = value.partition(":")
    parameter_code, colon, target_type = rest.partition(":")
    if not parameter_code or (colon and not target_type):
        raise bad_value(name, "'Type:parameter', 'Type:parameter:TargetType', 'Type:*' or '*'")
    for resource_type in (source_type, *((target_type,) if colon else ())):
        if resource_type not in definitions.resource_types:
            raise unknown_type(resource_type, definitions.resource_types)
    followed = _references(definitions, source_type)
    if parameter_code != "*":
        followed = tuple(parameter for parameter in followed if parameter.code == parameter_code)
        if not followed:
            codes = [parameter.code for parameter in _references(definitions, source_type)]
            raise unknown_parameter(source_type, parameter_code, codes)
    return (Include(source_type, followed, target_type or None, reverse, iterate),)


def _wildcard(
    definitions: SearchDefinitions, resource_types: Sequence[str], reverse: bool, iterate: bool
) -> tuple[Include, ...]:
    if not reverse:
        # what is included is followed as well, whatever type it is of
        return tuple(
            Include(source_type, followed, None, reverse=False, iterate=iterate)
            for source_type in (sorted(definitions.resource_types) if iterate else resource_types)
            if (followed := _references(definitions, source_type))
        )
    return tuple(
        Include(source_type, followed, None, reverse=True, iterate=iterate)
        for source_type in sorted(definitions.resource_types)
        if (followed := _pointing_at(_references(definitions, source_type), resource_types))
    )


def _references(definitions: SearchDefinitions, resource_type: str) -> tuple[Parameter, ...]:
    return tuple(
        parameter for parameter in definitions.parameters(resource_type).values() if parameter.type == "reference"
    )


def _pointing_at(parameters: Sequence[Parameter], resource_types: Sequence[str]) -> tuple[Parameter, ...]:
    return tuple(parameter for parameter in parameters if not set(resource_types).isdisjoint(parameter.targets))
