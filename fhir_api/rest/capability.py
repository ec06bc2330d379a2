"""The CapabilityStatement, made from what is wired: routes, search parameters, formats.

Spec: https://hl7.org/fhir/R4/http.html#capabilities, https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Protocol

import orjson
from stanforis import SOFTWARE

from conformance.compartments import compartments
from fhir_api.formats.xml import to_xml
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.operations.operation import Operation
from fhir_api.patching.documents import READERS
from fhir_api.rest.negotiation import FHIR_JSON, FHIR_XML, JSON, presentation
from fhir_api.rest.operating import claims
from fhir_api.rest.reading import SHOWN_BY, check_known
from fhir_api.rest.request import Request
from fhir_api.rest.response import Response
from fhir_api.rest.subset import show_by
from fhir_api.rest.wiring import Api, Route
from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.query import Parameter

_CANONICAL = "http://hl7.org/fhir/"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_OF_TYPE = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
"""Codes of http://hl7.org/fhir/type-restful-interaction."""
_OF_SYSTEM = ("transaction", "batch", "search-system", "history-system")
_MODES = ("full", "normative", "terminology")
"""All are answered alike: "Servers MAY ignore the mode parameter" (http.html#capabilities)."""
_KNOWN = SHOWN_BY | {"mode"}
_LATER = "\0"
"""What comes here is told for each request; NUL cannot stand anywhere else."""


class SearchParameters(Protocol):
    """Which parameters can be searched by."""

    def parameters(self, resource_type: str) -> Mapping[str, Parameter]:
        """Return the parameters of a type by code."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement's JSON, cut where the base URL belongs, and whether apps in browsers may call it."""

    before_url: bytes
    between: bytes
    after_cors: bytes

    def __call__(self, base_url: str, *, cors: bool) -> bytes:
        """Return the CapabilityStatement of the server at *base_url*, which with *cors* lets apps in browsers call."""
        parts = (self.before_url, orjson.dumps(base_url), self.between, orjson.dumps(cors), self.after_cors)
        return b"".join(parts)


async def capabilities(api: Api, context: Context, request: Request) -> Response:
    """Answer ``GET /metadata``."""
    check_known(request, _KNOWN)
    for name, value in request.query:
        if name == "mode" and value not in _MODES:
            raise refuse(ErrorKind.NOT_SUPPORTED, f"mode is one of {', '.join(_MODES)}.")
    body = api.describe(context.base_url, await _searched_by(context), tenant=context.caller.tenant)
    shown = show_by(request.query)("CapabilityStatement", body)
    looks = presentation(request.header(b"accept"), request.query) or JSON
    if looks.is_xml and not looks.is_pretty and shown is body:
        return Response(200, _as_xml(body), media_type=looks.content_type)
    return Response(200, shown)


async def _searched_by(context: Context) -> SearchDefinitions | None:
    """Return the parameters of the tenant that are live, with R4's; None where these are all."""
    if context.parameters is None:
        return None
    try:
        view = await context.parameters.view(context.store)
    except FhirError:
        # what the server can do is told without its database, too
        view = context.parameters.last
    return view.definitions


class Statements:
    """The statements of a server: that of R4's search parameters, and the last that was asked for with others."""

    def __init__(
        self, search: SearchParameters, state: Callable[[SearchParameters], Statement], cors: Callable[[int], bool]
    ) -> None:
        """Make the one of *search*; *state* makes any, *cors* tells which tenants let apps in browsers call."""
        self._search = search
        self._cors = cors
        self._state = state
        self._own = self._base = state(search)
        self._own_search = search

    def __call__(self, base_url: str, search: SearchParameters | None = None, *, tenant: int) -> bytes:
        """See :class:`fhir_api.rest.wiring.Describe`."""
        cors = self._cors(tenant)
        if search is None or search is self._search:
            return self._base(base_url, cors=cors)
        if search is not self._own_search:
            self._own, self._own_search = self._state(search), search
        return self._own(base_url, cors=cors)


@lru_cache(maxsize=2)
def _as_xml(body: bytes) -> bytes:
    return to_xml(body)


def _security(*, is_open: bool) -> dict[str, Any]:
    """Return who is let in, and how to find where tokens are had (SMART 2.2: by ``.well-known``)."""
    if is_open:
        return {"cors": _LATER, "description": "None: everybody on this machine is let in (--open)."}
    service = {"system": f"{_TERMINOLOGY}restful-security-service", "code": "SMART-on-FHIR"}
    return {
        "cors": _LATER,
        "service": [{"coding": [service]}],
        "description": "OAuth 2.1 and SMART App Launch 2.2: see .well-known/smart-configuration below this base.",
    }


def statement(
    routes: Iterable[Route],
    types: Iterable[str],
    search: SearchParameters,
    operations: Sequence[Operation] = (),
    *,
    deletes_multiple: bool,
    is_open: bool = True,
) -> Statement:
    """Return the statement of a server.

    Args:
        routes: what it answers.
        types: its resource types.
        search: its search parameters.
        operations: its operations.
        deletes_multiple: whether a conditional delete may remove several resources.
        is_open: whether it lets everybody in.
    """
    interactions = {route.interaction for route in routes}
    if "transaction" in interactions:
        interactions.add("batch")
    parameters = {name: search.parameters(name) for name in sorted(types)}
    general = _general(interactions, deletes_multiple=deletes_multiple)
    rest = {
        "mode": "server",
        "security": _security(is_open=is_open),
        "resource": [*_resources(parameters, operations, general)],
        "interaction": [{"code": code} for code in _OF_SYSTEM if code in interactions],
        "searchParam": _searched(search.parameters("Basic"), only=("_",)),
        **_operated(operations, None),
        "compartment": [f"{_CANONICAL}CompartmentDefinition/{code.lower()}" for code in sorted(compartments())],
    }
    text = orjson.dumps(_head() | {"rest": [rest]})
    return Statement(*text.split(orjson.dumps(_LATER)))


def _resources(
    parameters: Mapping[str, Mapping[str, Parameter]], operations: Sequence[Operation], general: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield what is said of each type; *general* is said of all."""
    pointing = _pointing(parameters)
    for name, known in parameters.items():
        yield {
            "type": name,
            "profile": f"{_CANONICAL}StructureDefinition/{name}",
            **general,
            **_included(name, known, pointing[name] | pointing["Resource"]),
            "searchParam": _searched(known),
            **_operated(operations, name),
        }


def _head() -> dict[str, Any]:
    release = version("stanforis-health")
    formats = [FHIR_JSON.decode(), FHIR_XML.decode(), "json", "xml"]
    return {
        "resourceType": "CapabilityStatement",
        "name": "StanforisHealth",
        "title": "Stanforis Health FHIR server",
        "status": "active",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "kind": "instance",
        "software": {"name": SOFTWARE, "version": release},
        "implementation": {"description": "A FHIR R4 server", "url": _LATER},
        "fhirVersion": "4.0.1",
        "format": formats,
        "patchFormat": [*READERS],
    }


def _general(interactions: set[str], *, deletes_multiple: bool) -> dict[str, Any]:
    """Return what holds for every resource type."""
    found: dict[str, Any] = {
        "interaction": [{"code": code} for code in _OF_TYPE if code in interactions],
        "versioning": "versioned",
        "readHistory": "vread" in interactions,
        "updateCreate": "update" in interactions,
        "conditionalCreate": "create" in interactions,
        "conditionalRead": "full-support",
        "conditionalUpdate": "conditional-update" in interactions,
    }
    if "conditional-delete" in interactions:
        found["conditionalDelete"] = "multiple" if deletes_multiple else "single"
    return found | {"referencePolicy": ["literal", "logical", "local"]}


def _pointing(parameters: Mapping[str, Mapping[str, Parameter]]) -> dict[str, set[str]]:
    """Return for each type the parameters, as ``Observation:subject``, whose references may point at it."""
    pointing: defaultdict[str, set[str]] = defaultdict(set)
    for name, known in parameters.items():
        for parameter in known.values():
            if parameter.type == "reference":
                for target in parameter.targets:
                    pointing[target].add(f"{name}:{parameter.code}")
    return pointing


def _included(name: str, known: Mapping[str, Parameter], pointing: set[str]) -> dict[str, list[str]]:
    include = [f"{name}:{code}" for code in sorted(known) if known[code].type == "reference"]
    # FHIR has no empty arrays.
    return {
        **({"searchInclude": ["*", *include]} if include else {}),
        **({"searchRevInclude": sorted(pointing)} if pointing else {}),
    }


def _operated(operations: Sequence[Operation], resource_type: str | None) -> dict[str, list[dict[str, str]]]:
    """Return the operations on a type, or (None) on the whole server."""
    claimed = claims(operations, resource_type)
    return {"operation": claimed} if claimed else {}


def _searched(known: Mapping[str, Parameter], only: tuple[str, ...] = ()) -> list[dict[str, str]]:
    own = [
        {"name": "_id", "definition": f"{_CANONICAL}SearchParameter/Resource-id", "type": "token"},
        {"name": "_lastUpdated", "definition": f"{_CANONICAL}SearchParameter/Resource-lastUpdated", "type": "date"},
    ]
    indexed = [known[code] for code in sorted(known) if not only or code.startswith(only)]
    return own + [{"name": each.code, "definition": each.url, "type": each.type} for each in indexed]
