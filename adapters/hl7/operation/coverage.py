"""Coverage: how much of what a sender's last messages said was mapped."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from adapters.hl7.operation.reading import made_of
from adapters.hl7.store.looking import Criteria
from adapters.hl7.store.port import MessageStore

_REPETITION = re.compile(r"\[\d+\]")
_MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the values of some messages.

    Attributes:
        sender: whose messages; empty for all.
        messages: how many were looked at.
        mapped: values that rows mapped.
        ignored: values left out with a reason.
        unmapped: values that no row maps.
        places: those of the unmapped ones, with how often, the most frequent first.
        plans: ids of the plans that mapped them, with how many messages.
    """

    sender: str
    messages: int
    mapped: int
    ignored: int
    unmapped: int
    places: tuple[tuple[str, int], ...]
    plans: tuple[tuple[str, int], ...]

    @property
    def percent(self) -> float:
        """How many of a hundred values are mapped or left out with a reason; 100 where there is none."""
        total = self.mapped + self.ignored + self.unmapped
        return 100.0 if not total else 100.0 * (self.mapped + self.ignored) / total


async def coverage_of(store: MessageStore, sender: str, most: int) -> Coverage:
    """Return the coverage of the newest *most* messages of a sender, those that were mapped once."""
    listed = await store.listed(Criteria(sender=sender), count=most)
    made = [made_of(work) for work in (await store.works([each.number for each in listed])).values()]
    places = Counter(_REPETITION.sub("", place) for each in made for place in each.unmapped)
    plans = Counter(each.plan for each in made)
    return Coverage(
        sender,
        len(made),
        sum(each.mapped for each in made),
        sum(each.ignored for each in made),
        places.total(),
        tuple(places.most_common(_MOST_PLACES)),
        tuple(plans.most_common()),
    )
