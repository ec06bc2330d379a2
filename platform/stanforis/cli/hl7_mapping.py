"""What the commands of ``stanforis hl7`` about mapping rows do. Each returns its exit code.

Messages and Bundles are shown to whoever runs the command; nothing of them is logged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adapters.hl7.encoding import Message
from adapters.hl7.errors import Hl7Error
from adapters.hl7.mapping import Mapped, Plan
from adapters.hl7.mapping.plans import plan_of
from adapters.hl7.mapping.trying import count, try_sender
from adapters.hl7.outbound.destinations import outbound_problem
from fhir_api.model import exact_json
from mappings.errors import MappingError
from mappings.sites import SITES, find_sender
from mappings.sites import sites as sites_in
from stanforis.cli.hl7_beginning import OPEN, begin
from stanforis.errors import OperatorError

_EVERYONE = "-"
_SUFFIXES = frozenset({".hl7", ".txt", ".msg", ""})


def check(sender: str, sites: Path | None, *, everything: bool, as_json: bool) -> int:
    """Show the rows that cannot be used, those of what is sent too; 1 if one of them is a site's, or is sent by."""
    plan = _plan(sender, sites)
    shown = plan.problems if everything else plan.own_problems
    outbound = outbound_problem(sites or SITES)
    if as_json:
        problems = [each._asdict() for each in shown]
        _json({"plan": plan.id, "unused": len(plan.problems), "problems": problems, "outbound": outbound})
    else:
        table = Table("row", "maps", "why it is not used", title=f"plan {plan.id[:12]}")
        for each in shown:
            table.add_row(escape(f"{each.origin} line {each.line}"), each.identifier, escape(each.text))
        if shown:
            _console().print(table)
        rest = len(plan.problems) - len(plan.own_problems)
        _say(f"{len(plan.own_problems)} rows of the site are wrong; {rest} rows of the guide are not used")
        if outbound:
            _say(f"nothing can be sent: {outbound}")
    return 1 if plan.own_problems or outbound else 0


def begin_sender(name: str, messages: list[Path], sites: Path) -> int:
    """Write the files of a new sender, and say what comes next."""
    try:
        made = begin(name, (message for _, message in _messages(messages)), sites)
    except MappingError as error:
        raise OperatorError(str(error)) from error
    for file in made:
        _say(f"written: {file}")
    _say(f"Put an answer in place of each {OPEN}, then: stanforis hl7 check --sender {name} --sites {sites}")
    return 0


def preview(file: Path, sender: str, sites: Path | None, *, as_json: bool) -> int:
    """Show what a message becomes; 1 if no rows map it."""
    message = _message(file)
    mapped = _plan(sender, sites).apply(message)
    bundle = orjson.loads(exact_json.written(mapped.bundle))
    if as_json:
        _json({"bundle": bundle, **_summary(mapped)})
    else:
        _say(orjson.dumps(bundle, option=orjson.OPT_INDENT_2).decode())
        for issue in mapped.issues:
            _say(f"{issue.severity} {issue.place}: {issue.text}")
        _print_codes(mapped.unmapped_codes)
        ledger = mapped.ledger
        if sender:
            _print_changes(_plan("", sites), _plan(sender, sites), message)
        for each in ledger.unmapped:
            _say(f"not mapped: {each}")
        _say(f"{len(ledger.mapped)} mapped, {len(ledger.ignored)} left out, {len(ledger.unmapped)} not mapped")
    return 0 if mapped.structure else 1


def explain(place: str, sender: str, sites: Path | None, *, as_json: bool) -> int:
    """Show the rows that map a place; 1 if there are none."""
    plan = _plan(sender, sites)
    found = list(_rows(plan, place))
    if as_json:
        _json(found)
    else:
        table = Table("sheet", "maps", "when", "element", "by", "says", "stands in")
        for row in found:
            table.add_row(
                *(
                    escape(row[name])
                    for name in ("sheet", "identifier", "condition", "target", "by", "assignment", "origin")
                )
            )
        if found:
            _console().print(table)
        else:
            _say(f"no row maps {place}")
    return 0 if found else 1


def run_tests(sender: str, sites: Path | None, *, as_json: bool) -> int:
    """Run the tests of a sender or of all; 1 if one fails."""
    folder = sites or SITES
    results: list[dict[str, Any]] = []
    try:
        chosen = (
            [find_sender(sender, folder)]
            if sender
            else [(site, each) for site in sites_in(folder) for each in site.file.senders]
        )
        for site, each in chosen:
            name = f"{site.file.name}/{each.name}"
            failures = try_sender(plan_of(name, folder), site, each.name)
            results.append(
                {
                    "sender": name,
                    "expectations": count(site, each.name),
                    "failures": [str(failure) for failure in failures],
                }
            )
    except MappingError as error:
        raise OperatorError(str(error)) from error
    if as_json:
        _json(results)
    else:
        for result in results:
            _say(f"{result['sender']}: {result['expectations']} expectations, {len(result['failures'])} not met")
            for failure in result["failures"]:
                _say(f"  {failure}")
    return 1 if any(result["failures"] for result in results) else 0


def diff(plan: str, other: str, messages: list[Path], sites: Path | None, *, as_json: bool) -> int:
    """Show what two plans make of messages; 1 if it is not the same."""
    plans = [_named(name, sites) for name in (plan, other)]
    differences: list[dict[str, Any]] = []
    for path, message in _messages(messages):
        first, second = _apart(plans[0], plans[1], message)
        if first or second:
            differences.append({"message": str(path), "only_first": first, "only_second": second})
    if as_json:
        _json({"plans": [each.id for each in plans], "differences": differences})
    else:
        for each in differences:
            _say(str(each["message"]))
            _print_apart(each["only_first"], each["only_second"])
        _say(f"{len(differences)} messages become something else")
    return 1 if differences else 0


def coverage(messages: list[Path], sender: str, sites: Path | None, *, as_json: bool) -> int:
    """Count what becomes of the leaves of messages."""
    plan = _plan(sender, sites)
    totals: Counter[str] = Counter()
    unmapped: Counter[str] = Counter()
    codes: Counter[Any] = Counter()
    for _, message in _messages(messages):
        mapped = plan.apply(message)
        ledger = mapped.ledger
        totals.update(messages=1, mapped=len(ledger.mapped), ignored=len(ledger.ignored), unmapped=len(ledger.unmapped))
        totals.update(without_rows=0 if mapped.structure else 1)
        unmapped.update(f"{each.segment}-{each.field}.{each.component}" for each in ledger.unmapped)
        codes.update(mapped.unmapped_codes)
    if as_json:
        listed = [{**code._asdict(), "count": number} for code, number in codes.most_common()]
        _json({"plan": plan.id, **totals, "places": dict(unmapped.most_common()), "codes": listed})
        return 0
    _say(
        f"{totals['messages']} messages: {totals['mapped']} leaves mapped, {totals['ignored']} left out with a reason, "
        f"{totals['unmapped']} not mapped; {totals['without_rows']} messages of a kind that no rows map"
    )
    for place, number in unmapped.most_common(20):
        _say(f"  {place}: {number}")
    _print_codes(codes)
    return 0


def _plan(sender: str, sites: Path | None) -> Plan:
    try:
        return plan_of(sender, sites or SITES)
    except MappingError as error:
        raise OperatorError(str(error)) from error


def _named(name: str, sites: Path | None) -> Plan:
    sender, at, folder = name.partition("@")
    return _plan("" if sender == _EVERYONE else sender, Path(folder) if at else sites)


def _rows(plan: Plan, place: str) -> Iterator[dict[str, str]]:
    segment, _, part = place.partition("-")
    field = part.partition(".")[0]
    wanted = f"{segment}-{field}" if field else segment
    for sheet, rows in plan.sheets.segments.items():
        if sheet.partition("[")[0] != segment:
            continue
        for row in rows:
            if row.target and (row.identifier == wanted or not field):
                by = " ".join(each for each in (row.map, row.vocabulary) if each)
                yield {
                    "sheet": sheet,
                    "identifier": row.identifier,
                    "condition": row.condition or row.narrative,
                    "target": row.target,
                    "by": by,
                    "assignment": row.assignment,
                    "origin": f"{plan.sheets.origin(sheet, row)} line {row.line}",
                }


def _apart(plan: Plan, other: Plan, message: Message) -> tuple[list[str], list[str]]:
    """Return what only the first of two plans makes of a message, and what only the second does."""
    before, after = (set(_leaves(each.apply(message, now="2000-01-01T00:00:00Z").bundle)) for each in (plan, other))
    return sorted(before - after), sorted(after - before)


def _print_changes(plan: Plan, other: Plan, message: Message) -> None:
    first, second = _apart(plan, other, message)
    _say(f"the rows of the sender change {len(first) + len(second)} lines")
    _print_apart(first, second)


def _print_apart(first: Iterable[str], second: Iterable[str]) -> None:
    for line in first:
        _say(f"  - {line}")
    for line in second:
        _say(f"  + {line}")


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        kind = value.get("resourceType")
        for name, each in value.items():
            yield from _leaves(each, f"{kind or path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path)
    elif not (path.endswith((".id", ".request.url", ".request.ifNoneExist")) or "urn:uuid:" in str(value)):
        # identities hold the sender's name: they are others for every plan of another sender
        yield f"{path} = {value}"


def _messages(paths: Iterable[Path]) -> Iterator[tuple[Path, Message]]:
    for path in paths:
        files = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES) if path.is_dir() else [path]
        for file in files:
            if not file.is_dir():
                yield file, _message(file)


def _message(file: Path) -> Message:
    try:
        return Message.parse(file.read_bytes())
    except (OSError, Hl7Error) as error:
        raise OperatorError(f"{file}: {error}") from error


def _summary(mapped: Mapped) -> dict[str, Any]:
    ledger = mapped.ledger
    return {
        "plan": mapped.plan_id,
        "structure": mapped.structure,
        "issues": [each._asdict() for each in mapped.issues],
        "unmapped_codes": [{**code._asdict(), "count": number} for code, number in mapped.unmapped_codes.items()],
        "mapped": [str(each) for each in ledger.mapped],
        "ignored": [{"place": str(each), "reason": reason} for each, reason in ledger.ignored],
        "unmapped": [str(each) for each in ledger.unmapped],
    }


def _print_codes(codes: Any) -> None:
    for code, number in codes.items():
        _say(f"no row for code {code.code!r} of table {code.table}: {number}")


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True, markup=False).print(text)


def _console() -> Console:
    return Console(width=160)


def _json(value: object) -> None:
    Console(highlight=False, soft_wrap=True).out(
        orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), highlight=False
    )
