"""Resources in which a parameter has a value, or none, found by the few different sets of parameters that occur.

``resource.present`` has a bit for each parameter of a type. The resources of a type have few different ones, which an
index leads to: so neither what is nearly always there nor what is nearly never there needs rows of its own.

Spec: https://hl7.org/fhir/R4/search.html#missing
"""

from __future__ import annotations

from fhir_api.store.postgres.search.order import Order

FEW = 2000
"""Up to so many resources are read and put in order."""
TRIED = 2000
"""So many are tested in order before the others are read after all,"""
MANY = 50_000
"""if there are not so many of them: then testing goes on."""


def has_bit(present: str, bit: str) -> str:
    """Return the condition that the set of parameters *present* has *bit*."""
    return f"CASE WHEN octet_length({present}) * 8 > {bit} THEN get_bit({present}, {bit}) ELSE 0 END = 1"


def has_all(present: str, bits: str) -> str:
    """Return the condition that the set of parameters *present* has all of *bits*, an array."""
    return f"NOT EXISTS (SELECT FROM unnest({bits}) a(bit) WHERE NOT ({has_bit(present, 'a.bit')}))"


def all_of(resource_type: str) -> str:
    """Return a SELECT of the ``rid`` of each resource of a type, by its number; the index alone counts them."""
    of_type = f"r.tenant_id = c.tenant AND r.type_id = {resource_type} AND r.change <> 3"
    return f"SELECT r.rid FROM fhir.resource r WHERE {of_type}"


def sets(resource_type: str) -> str:
    """Return a SELECT of the different sets of parameters, ``present``, that resources of a type have."""
    of_type = f"r.tenant_id = c.tenant AND r.type_id = {resource_type} AND r.change <> 3"
    first = f"SELECT r.present FROM fhir.resource r WHERE {of_type}{{}} ORDER BY r.present LIMIT 1"
    # by leaps from one set to the next
    return (
        f"WITH RECURSIVE step AS (({first.format('')}) UNION ALL "
        f"SELECT ({first.format(' AND r.present > step.present')}) FROM step WHERE step.present IS NOT NULL) "
        "SELECT step.present FROM step WHERE step.present IS NOT NULL"
    )


def resources(resource_type: str, bit: str, *, missing: bool) -> str:
    """Return a SELECT of the ``rid`` of each resource of a type, by its number, that has a parameter, or has not."""
    of_type = f"r.tenant_id = c.tenant AND r.type_id = {resource_type} AND r.change <> 3"
    asked = f"{'NOT ' if missing else ''}({has_bit('s.present', bit)})"
    each = f"SELECT r.rid FROM fhir.resource r WHERE {of_type} AND r.present = n.present OFFSET 0"
    wanted = f"SELECT s.present FROM ({sets(resource_type)}) s WHERE {asked}"
    return f"SELECT r.rid FROM ({wanted}) n CROSS JOIN LATERAL ({each}) r"


def walk(found: str, candidates: str, test: str, order: Order, limit: str) -> str:
    """Return a SELECT of the first resources in *order* that have a parameter, or have not.

    Args:
        found: a SELECT of the ``rid`` of all of them.
        candidates: FROM and WHERE of what may be among them, ``b``.
        test: the condition that ``b`` is.
        order: of the page.
        limit: of the page.
    """
    columns, by = order.columns(), order.by("")
    page = f"SELECT b.rid, {columns} FROM {{}} ORDER BY {by} LIMIT {limit}"
    few, on_page = f"(SELECT p.n FROM p) < {FEW}", "(SELECT count(*) FROM w)"
    not_many = f"(SELECT count(*) FROM (SELECT FROM ({found}) s LIMIT {MANY}) f) < {MANY}"
    first = f"SELECT b.* FROM {candidates} AND NOT {few} ORDER BY {order.expressions()} LIMIT {TRIED}"
    each = f"SELECT b.* FROM {candidates} AND b.rid = s.rid OFFSET 0"
    gate = f"{few} OR ({on_page} < {limit} AND {not_many})"
    # either way there are not MANY of them: the limit cuts nothing off, and tells the planner so
    read = f"(SELECT s.rid FROM ({found}) s (rid) WHERE {gate} LIMIT {MANY}) s CROSS JOIN LATERAL ({each}) b"
    rest = f"{candidates} AND NOT {few} AND {on_page} < {limit} AND NOT {not_many} AND {test}"
    return (
        f"WITH p AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT FROM ({found}) s LIMIT {FEW}) f), "
        f"w AS MATERIALIZED ({page.format(f'({first}) b WHERE {test}')}) "
        f"SELECT e.* FROM ((SELECT w.* FROM w WHERE {on_page} = {limit}) "
        f"UNION ALL ({page.format(read)}) UNION ALL ({page.format(rest)})) e ORDER BY {order.by('e')} LIMIT {limit}"
    )
