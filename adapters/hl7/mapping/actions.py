"""What rows do: each makes a value, and puts it into an element."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from adapters.hl7.mapping import functions
from adapters.hl7.mapping.datatypes import NOTHING, Action, Asker, DataType
from adapters.hl7.mapping.remembering import REMEMBERED, remembering
from adapters.hl7.mapping.run import Place, Run, UnmappedCode, leaf
from adapters.hl7.mapping.tables import Code, Table
from adapters.hl7.mapping.targets import Building, Hop, Target
from adapters.hl7.mapping.values import Primitive
from conformance.types import nodes
from mappings.errors import MappingError


def constant(target: Target, value: Primitive) -> Action:
    """A fixed value."""

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        target.put(content, scope, value)
        return True

    return act


def computed(target: Target, compute: functions.Compute) -> Action:
    """What a named function makes of a value."""

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        value = compute(run, content, text, place)
        if value is None:
            return False
        target.put(content, scope, value)
        return True

    return act


def direct(target: Target, table: Table | None, convert: functions.Convert) -> Action:
    """A value as it stands, or its code by a table."""
    put, type_code, looked_up = target.put, target.type, target.is_looked_up
    beside = _beside(target) if table is not None else None
    is_unit = target.path.endswith("Quantity.code")
    bound = target.last.name if target.last is not None and target.path.endswith(_BOUNDS) else ""

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        said = run.read(text)
        if said in NOTHING:
            return False
        at = leaf(place)
        if table is not None:
            code = table.translate(said, source)
            if code is not None:
                said = code.code
                if beside is not None and put(content, scope, said):
                    beside(content, scope, code)
            elif is_unit:
                # a unit that has no code stays what it is called
                return False
            else:
                _report(run, table, said)
                if beside is None:
                    return False
        value = convert(run, said)
        if value is None:
            if not looked_up:
                run.refused.append((at, type_code))
            return False
        if not put(content, scope, value):
            # another row said something else first: this value stays unmapped, and is counted
            return False
        if bound and not _in_order(target.holder(content, scope)):
            del target.holder(content, scope)[bound]
            run.refused.append((at, "bound on the right side of the other"))
            return False
        run.used.append(at)
        return True

    return act


_BOUNDS = ("eriod.start", "eriod.end")


def _in_order(period: Building) -> bool:
    """Return whether a Period begins before it ends; with one bound it does (per-1)."""
    start, end = period.get("start", ""), period.get("end", "")
    if not start or not end:
        return True
    if "T" in start and "T" in end:
        return datetime.fromisoformat(start) <= datetime.fromisoformat(end)
    shared = min(len(start), len(end))
    return bool(start[:shared] <= end[:shared])


def scalar(target: Target, kind: DataType, table: Table | None, convert: functions.Convert) -> Action:
    """The one value of a data type, or its code by a table."""

    def written(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        said, at = kind.value(run, text, place)
        if not said:
            return False
        if table is not None:
            code = table.translate(said, source)
            if code is None:
                _report(run, table, said)
                return False
            said = code.code
        value = convert(run, said)
        if value is None:
            if not target.is_looked_up:
                run.refused.append((at, target.type))
            return False
        return target.put(content, scope, value)

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        before = len(run.used)
        if written(run, content, text, place, scope, source):
            return True
        # what was read and then refused is not mapped
        del run.used[before:]
        return False

    return act


def composite(root: str, target: Target, kind: DataType, table: Table | None) -> Action:
    """All parts of a data type."""
    if not target.hops and target.last is None and root != kind.type and nodes()[kind.type].kind == "resource":
        return _of_its_own(kind)
    if target.type != kind.type and root == kind.type:
        element: Callable[[Building, int], Building] = lambda content, scope: content  # noqa: E731 - one of two ways
    elif target.is_primitive or (target.type != kind.type and not _fits(target.type, kind.type)):
        raise MappingError(f"{target.path} is a {target.type}, the sheet fills a {kind.type}")
    else:
        element = target.element

    def filled(run: Run, inner: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        translated = table is not None and _translated(run, inner, text, place, scope, table, kind.type, source)
        return kind.fill(run, inner, text, place, scope) or translated

    is_fixed = kind.type in REMEMBERED and kind.special is None and (table is None or not table.asks)
    fill = remembering(filled) if is_fixed else filled

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        return fill(run, element(content, scope), text, place, scope, source)

    return act


def _of_its_own(kind: DataType) -> Action:
    """A resource of another type, such as the mother of a patient."""

    def act(run: Run, content: Building, text: str, place: Place, scope: int, source: Asker) -> bool:
        made = run.make(kind.type)
        made.is_told = kind.fill(run, made.content, text, place, scope)
        return made.is_told

    return act


def _fits(found: str, filled: str) -> bool:
    node = nodes().get(found)
    return node is not None and (filled in {found, node.base} or found.endswith(filled))


def _translated(
    run: Run, content: Building, text: str, place: Place, scope: int, table: Table, type_code: str, source: Asker
) -> bool:
    """Write the code by the table before the parts are filled, so that what was sent stands after it."""
    parts = run.parts(text, place)
    said = run.read(parts[0])
    if said in NOTHING:
        return False
    code = table.translate(said, source)
    is_alone = len(parts) <= _SYSTEM or parts[_SYSTEM] in NOTHING
    if code is None and is_alone:
        # a code that came with its system says what it means without a row
        _report(run, table, said)
    system = table.system(said) if is_alone else ""
    if type_code == "CodeableConcept":
        if code is not None:
            content["coding", "1" if code.code == said else "table", scope] = _coding(code)
        if system and (code is None or code.code != said):
            # what was sent without a system is of the table that its field has
            content["coding", "1", scope] = {"system": system}
    elif type_code == "Coding" and code is not None:
        content.update(_coding(code))
    if code is None:
        return False
    run.used.append(leaf((*place, 1)))
    return True


_SYSTEM = 2
"""Where the name of the code system stands among the parts of a coded value."""


def _coding(code: Code) -> Building:
    named = {"system": code.system, "code": code.code, "display": code.display}
    return {name: said for name, said in named.items() if said}


def _beside(target: Target) -> Callable[[Building, int, Code], None] | None:
    """Return what writes the system and display beside the code of a Coding or Quantity; None for other elements."""
    holder = target.path.rpartition(".")[0]
    if target.last is None or target.last.name != "code" or not holder.endswith(("coding", "Coding", "Quantity")):
        return None
    system = target._replace(last=Hop("system", None, fixed="system"))
    display = target._replace(last=Hop("display", None, fixed="display"))

    def write(content: Building, scope: int, code: Code) -> None:
        if code.system:
            system.put(content, scope, code.system)
        if code.display:
            display.put(content, scope, code.display)

    return write


def _report(run: Run, table: Table, code: str) -> None:
    """Count a code without a row; one whose row has no counterpart was thought of."""
    if code not in table:
        run.unmapped[UnmappedCode(run.sender, table.name, code)] += 1
