"""What operators see of searches: a log line for each slow one, and plans.

Neither holds a patient's values: a line names the type and the parameters, a plan has ``$1`` for values.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Final

import orjson
from msgspec import to_builtins

from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest.request import Pair, Request
from fhir_api.rest.response import Response
from fhir_api.search.query import Query
from fhir_api.store.explaining import Explaining

EXPLAIN_PARAMETER: Final = "_explain"
"""Asks for the plans of a search in place of its answer."""

_MEDIA_TYPE: Final = b"application/json"
_MILLISECONDS: Final = 1000

_log = logging.getLogger(__name__)


@contextmanager
def slow_logged(milliseconds: int, kind: str, used: Sequence[Pair]) -> Iterator[None]:
    """Log what is done inside the ``with``, should it take longer than *milliseconds* (0: never).

    Args:
        milliseconds: from then on a search is slow.
        kind: what is searched: a type, ``*`` for all.
        used: parameters that were understood; their values are not logged.
    """
    begin = perf_counter()
    try:
        yield
    finally:
        taken = (perf_counter() - begin) * _MILLISECONDS
        if milliseconds and taken > milliseconds:
            names = "&".join(sorted({name for name, _ in used}))
            _log.warning("slow search: %s?%s took %d ms", kind, names, taken)


def asks_for_plan(request: Request, *, allowed: bool) -> bool:
    """Tell whether a search asks for its plans.

    Raises:
        FhirError: MALFORMED for a value that is not ``true`` or ``false``; FORBIDDEN where plans are not shown.
    """
    values = [value for name, value in request.query if name == EXPLAIN_PARAMETER]
    if not values or values == ["false"]:
        return False
    if values != ["true"]:
        raise refuse(ErrorKind.MALFORMED, f"'{EXPLAIN_PARAMETER}' is 'true' or 'false'.", code="value")
    if not allowed:
        raise refuse(ErrorKind.FORBIDDEN, "This server does not show the plans of searches.")
    return True


async def plans(context: Context, query: Query, used: Sequence[Pair]) -> Response:
    """Return the statements of a search with their plans, as JSON.

    Raises:
        FhirError: NOT_SUPPORTED for a store without plans.
    """
    if not isinstance(context.store, Explaining):
        raise refuse(ErrorKind.NOT_SUPPORTED, "The store of this server has no plans.")
    statements = await context.store.explain(query)
    body = {"parameters": [name for name, _ in used], "statements": to_builtins(statements)}
    return Response(200, orjson.dumps(body, option=orjson.OPT_INDENT_2), media_type=_MEDIA_TYPE)
