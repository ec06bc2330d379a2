"""Which values a parameter has at all."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_api.search.query import Parameter
from fhir_api.store.port import ValueInUse
from fhir_api.store.postgres.encode import GATHERED
from fhir_api.store.postgres.session import Fetch, fenced

# A code stays known when nobody has it any more, so its rows are asked. Uris are found by leaps from one to the next:
# there are few among very many rows.
_NEXT = (
    "SELECT x.folded FROM fhir.string x WHERE x.tenant_id = c.tenant AND x.param = p.param{behind} "
    "ORDER BY x.folded LIMIT 1"
)
_LEAPS = (
    f"WITH RECURSIVE step AS (({_NEXT.format(behind='')}) UNION ALL "
    f"SELECT ({_NEXT.format(behind=' AND x.folded > step.folded')}) FROM step WHERE step.folded IS NOT NULL) "
    "SELECT step.folded FROM step WHERE step.folded IS NOT NULL"
)
_IN_SETS = (
    "SELECT FROM fhir.token_code m CROSS JOIN LATERAL (SELECT FROM fhir.token x WHERE x.tenant_id = c.tenant "
    f"AND x.param = {GATHERED} AND x.hash = m.hash LIMIT 1) x "
    "WHERE m.tenant_id = c.tenant AND m.param = -k.param AND m.code_hash = k.hash OFFSET 0"
)
VALUES = fenced(
    "x.param, x.system, x.code",
    "SELECT u.param, u.system, u.code FROM ("
    "SELECT k.param, k.system, k.code FROM fhir.token_code k "
    "WHERE k.tenant_id = c.tenant AND k.param = ANY($2::integer[]) "
    "AND (EXISTS (SELECT FROM fhir.token x WHERE x.tenant_id = c.tenant AND x.param = k.param AND x.hash = k.hash "
    f"OFFSET 0) OR EXISTS ({_IN_SETS})) "
    "UNION ALL "
    "SELECT p.param, NULL, f.folded FROM unnest($3::integer[]) p(param) "
    f"CROSS JOIN LATERAL ({_LEAPS}) f) u OFFSET 0",
)


async def values(fetch: Fetch, parameters: Sequence[Parameter]) -> list[ValueInUse]:
    """Return the different values of token and uri *parameters*."""
    tokens, uris = ({number: each.key for each in parameters if each.type == kind for number in each.numbers}
                    for kind in ("token", "uri"))  # fmt: skip
    owners = tokens | uris
    return [ValueInUse(owners[number], *value) for number, *value in await fetch(VALUES, list(tokens), list(uris))]
