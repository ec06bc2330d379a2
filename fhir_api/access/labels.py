"""Sensitive resources: those whose security labels only some may pass.

Spec: https://hl7.org/fhir/R4/security-labels.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fhir_api.access.clauses import never, some
from fhir_api.access.compartments import SHARED
from fhir_api.access.policy import ANY_LABEL
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import EVERYTHING, Clause, MissingClause, TokenValue, ValueClause

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

_THEMES: Final = (
    "BH CEL COGN COMPT DIA DRGIS DVD EMOTDIS EMP ETH ETHUD GDIS HIV MH MST OPIOIDUD PRS PSY PSYTHPN SCA SDV SEX SICKLE "
    "SPI STD SUD TBOO VIO VIP"
)
LABELS: Final[dict[str, str]] = {
    **dict.fromkeys(("R", "V"), CONFIDENTIALITY),
    **dict.fromkeys(_THEMES.split(), ACT_CODE),
}
"""Codes that need a right of their own, with their systems: restricted, very restricted, and the sensitive themes."""


def unlabelled(
    definitions: SearchDefinitions, resource_type: str, rights: frozenset[str], codes: Iterable[str] = LABELS
) -> Clause:
    """Return what holds for resources of a type that bear no label beyond *rights*.

    Args:
        definitions: the search parameters.
        resource_type: what is looked at.
        rights: codes that may be passed.
        codes: those that resources of the type may have.
    """
    parameter = definitions.parameter(resource_type, "_security")
    if ANY_LABEL in rights or parameter is None or resource_type in SHARED:
        return EVERYTHING
    values = tuple(TokenValue(LABELS[code], code) for code in sorted(codes) if code not in rights)
    if not values:
        return EVERYTHING
    bears_none = never(ValueClause(parameter, None, values))
    if len(values) == 1:
        return bears_none
    # most resources have no label at all, which is cheap to see
    return some((MissingClause(parameter, missing=True), bears_none))
