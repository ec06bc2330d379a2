"""Answers a query: walks the elements and gathers values, again and again until nothing is missing.

A walk reads only what is in memory. What it lacks it asks for; everything that one walk asked for is fetched in one
round trip, and the next walk gets one reference further. So the round trips are as many as references follow on each
other, however many resources there are.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from __future__ import annotations

from typing import Any

from fhir_api.operations.graphql.document import Document
from fhir_api.operations.graphql.output import Output
from fhir_api.operations.graphql.plan import Field, Plan, Planner
from fhir_api.operations.graphql.records import Records
from fhir_api.operations.graphql.tree import Element


async def execute(document: Document, root: Element, records: Records) -> dict[str, Any]:
    """Return the data of the answer.

    Raises:
        QueryError: the query asks for what is not there, or for too much.
    """
    planner = Planner(document)
    plan = planner.plan([document.operation.selection_set], root.type)
    while True:
        output = Output(records.budget)
        _Walk(records).write(plan, root, output)
        if not await records.fetch():
            return output.members


class _Walk:
    """One walk over what is in memory."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def write(self, plan: Plan, element: Element, output: Output, suffix: str = "", *, is_flat: bool = False) -> None:
        """Put the fields of an element into an object; *suffix* is put behind their names."""
        for field in plan:
            found = field.read(element, self._records)
            for index, child in enumerate(found[:1] if field.shape.is_first else found):
                ending = suffix if field.shape.suffix is None else suffix + field.shape.suffix(child, index)
                self._write_one(field, child, output, ending, is_flat=is_flat)

    def _write_one(self, field: Field, child: Element, output: Output, suffix: str, *, is_flat: bool) -> None:
        if field.inner is None:
            value = child.value
        elif field.shape.is_flat:
            self.write(field.inner(child.type), child, output, suffix, is_flat=True)
            return
        else:
            inner = output.child()
            self.write(field.inner(child.type), child, inner)
            value = inner.members
        name = field.selected.key + suffix
        if field.shape.is_single:
            output.add_single(name, value, field.selected.node)
        else:
            output.add(name, value, is_list=field.is_list or is_flat)
