"""The plans of all senders: compiled together, tested, and put in place at once.

A reload that cannot be compiled, or whose tests fail, leaves the plans that are there and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from adapters.hl7.encoding.charsets import codec_of
from adapters.hl7.mapping.plan import Plan
from adapters.hl7.mapping.trying import Failure, try_sender
from mappings.errors import MappingError
from mappings.merging import common
from mappings.sites import SITES, Site, find_sender, sites

NOBODY = ""
"""Name of the plan for senders that no site knows: the rows that every sender has."""


class Reloaded(NamedTuple):
    """What a reload did.

    Attributes:
        changed: senders whose plan is another one now, with its id.
        reasons: why nothing was changed; empty when it was put in place.
    """

    changed: Mapping[str, str]
    reasons: tuple[str, ...]


def plan_of(name: str = NOBODY, folder: Path = SITES) -> Plan:
    """Return the compiled plan of a sender: ``LAB1``, ``north/LAB1``, or that of every sender for an empty name.

    Raises:
        MappingError: there is no such sender, or a file cannot be used.
    """
    if not name:
        return Plan(common())
    site, sender = find_sender(name, folder)
    return _compiled(site, sender.name)


def _compiled(site: Site, name: str) -> Plan:
    sender = site.sender(name)
    where = f"{site.file.name}/site.yaml: sender {name}"
    if sender.charset is not None and codec_of(sender.charset) is None:
        raise MappingError(
            f"{where}: charset: expected a label of table 0211, such as 8859/1, found {sender.charset!r}"
        )
    sheets, zone = site.sheets(sender), site.zone(sender)
    try:
        return Plan(sheets, f"{site.file.name}/{name}", zone)
    except MappingError as error:
        raise MappingError(f"{where}: {error}") from error


class Plans:
    """The plans in use.

    Args:
        folder: where the sites stand.

    Raises:
        MappingError: a file cannot be used, a row of a site is wrong, or a test fails.
    """

    def __init__(self, folder: Path = SITES) -> None:
        self._folder = folder
        self._plans: Mapping[str, Plan] = MappingProxyType({})
        loaded = self.reload()
        if loaded.reasons:
            raise MappingError("; ".join(loaded.reasons))

    def of(self, name: str) -> Plan:
        """Return the plan of a sender (``site/sender``); that of every sender for one that no site knows."""
        plans = self._plans
        return plans.get(name) or plans[NOBODY]

    def reload(self) -> Reloaded:
        """Compile and test all plans, and put them in place together; or keep those that are there."""
        try:
            plans, reasons = self._load()
        except MappingError as error:
            return Reloaded(MappingProxyType({}), (str(error),))
        if reasons:
            return Reloaded(MappingProxyType({}), tuple(reasons))
        before = self._plans
        # One assignment: whoever asks meanwhile gets either the old plans or the new ones.
        self._plans = MappingProxyType(plans)
        changed = {name: plan.id for name, plan in plans.items() if name not in before or before[name].id != plan.id}
        return Reloaded(MappingProxyType(changed), ())

    def _load(self) -> tuple[dict[str, Plan], list[str]]:
        plans = {NOBODY: Plan(common())}
        reasons: list[str] = []
        for site in sites(self._folder):
            for sender in site.file.senders:
                plan = plans[f"{site.file.name}/{sender.name}"] = _compiled(site, sender.name)
                reasons += [f"{each.origin} line {each.line}: {each.text}" for each in plan.own_problems]
                reasons += [str(failure) for failure in try_sender(plan, site, sender.name)]
        return plans, reasons


__all__ = ["Failure", "Plans", "Reloaded", "plan_of"]
