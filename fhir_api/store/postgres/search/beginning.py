"""When a walk through pages began: which versions were there then.

A resource keeps the place that it had when the walk began, whatever happens to it meanwhile: so a walk meets each
resource once. The cursor carries PostgreSQL's snapshot of the first page, against which a version's marker is held
(docs/decisions/0014-walks.md).
"""

from __future__ import annotations

from typing import NamedTuple, Self

from fhir_api.store.postgres.statement import Arguments

NOW = "(SELECT concat(pg_current_snapshot(), ':', coalesce(pg_current_xact_id_if_assigned()::text, '0')))"
"""SQL of the beginning of a walk whose first page is the statement's; read by :meth:`Beginning.of`."""


class Beginning(NamedTuple):
    """What was committed when a walk began.

    Attributes:
        oldest: transactions below it had ended.
        next: transactions from it on had not begun, or not ended.
        running: transactions between the two that had not ended.
        own: the transaction that the walk began in, 0 if none: it saw what it had written itself.
    """

    oldest: int
    next: int
    running: tuple[int, ...]
    own: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the beginning that :data:`NOW` gives as ``oldest:next:running,running:own``."""
        oldest, following, running, own = text.split(":")
        return cls(int(oldest), int(following), tuple(int(each) for each in running.split(",") if each), int(own))

    def saw(self, marker: str, arguments: Arguments) -> str:
        """Return the condition that the version with this *marker* was there when the walk began."""
        bind = arguments.bind
        ended = f"{marker} < {bind(self.next)} AND {marker} <> ALL({bind(list(self.running), 'bigint[]')})"
        return f"({marker} < {bind(self.oldest)} OR ({ended}) OR {marker} = {bind(self.own)})"
