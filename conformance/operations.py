"""The operations of the base specification (``$everything``, ``$validate`` …).

Spec: https://hl7.org/fhir/R4/operationdefinition.html
"""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from conformance.rows import read_rows


class OperationParameter(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A parameter of an operation.

    Attributes:
        name: as it stands in ``Parameters.parameter.name`` or in the URL.
        use: ``in | out``.
        min: least number of values.
        max: greatest number of values; None is any number.
        type: FHIR type of its value, ``Any``, or None where it has parts.
        search_type: type of a search parameter whose syntax its text follows.
        target_profiles: types a Reference or canonical may point at.
        parts: parameters inside it.
        documentation: for a person, in Markdown.
    """

    name: str
    use: str
    min: int = 0
    max: int | None = 1
    type: str | None = None
    search_type: str | None = None
    target_profiles: tuple[str, ...] = ()
    parts: tuple[OperationParameter, ...] = ()
    documentation: str = ""


class OperationDefinition(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One operation.

    Attributes:
        code: its name without ``$``.
        url: its canonical.
        system: whether it can be called at ``[base]/$code``.
        type: whether it can be called at ``[base]/Type/$code``.
        instance: whether it can be called at ``[base]/Type/id/$code``.
        resource: types it can be called on; ``Resource`` is any.
        affects_state: whether the definition says that it changes content; the definitions of R4 itself never say so,
            not even of ``$meta-add``, so False does not allow a call by GET.
        parameters: its parameters in the order of the definition.
        description: for a person, in Markdown.
    """

    code: str
    url: str
    system: bool
    type: bool
    instance: bool
    resource: tuple[str, ...] = ()
    affects_state: bool = False
    parameters: tuple[OperationParameter, ...] = ()
    description: str = ""


@cache
def operation_definitions() -> tuple[OperationDefinition, ...]:
    """Return the base specification's operations, sorted by canonical."""
    return read_rows("operations.jsonl", OperationDefinition)
