"""Index entries as rows of the index tables.

Layout of the tables: ``migrations/versions/0001_foundation.sql``. Every row is its own key, so a changed resource is
re-indexed by the difference of two row sets.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.entries import (
    CompositeEntry,
    DateEntry,
    IdentifierEntry,
    IndexEntries,
    NumberEntry,
    QuantityEntry,
    RangeEntry,
    ReferenceEntry,
    Shared,
    StringEntry,
    TextEntry,
    TokenEntry,
    UriEntry,
    WordsEntry,
    parameter_key,
)
from fhir_api.search.folding import fold
from fhir_api.search.types.units import conversion
from fhir_api.store.postgres.hashing import Hasher, leading, tells

INDEX_VERSION = 13
"""Raised with every change after which equal entries make other rows, or equal resources other entries."""

FOLDED_LENGTH = 500
"""Characters of a text that are compared; a longer one would not fit a B-tree page."""


@cache
def long_key(parameter: int) -> int:
    """Return the key under which resources are marked that have a longer text for a parameter."""
    return parameter_key("#long", str(parameter))


GATHERED = parameter_key("#gathered", "")
"""The parameter under which a resource has one row for the set of all that many resources have together. Under the
negative of its own number ``token_code`` leads from a value of a parameter to the sets that have it."""

NARROW = 32 * 86_400_000
"""Milliseconds: intervals up to a month lie under their parameter's number, wider ones under its negative. So a search
that bounds an interval on both sides reads only the narrow ones between the bounds, and the few wide ones."""

Row = tuple[int | float | str | None, ...]
_Entry = TypeVar(
    "_Entry",
    TokenEntry,
    IdentifierEntry,
    StringEntry,
    UriEntry,
    NumberEntry | RangeEntry,
    QuantityEntry | RangeEntry,
    CompositeEntry,
)


@dataclass(slots=True)
class IndexRows:
    """Rows of one resource, or of many, for each index table (without ``tenant_id``)."""

    token: list[Row] = field(default_factory=list)
    reference: list[Row] = field(default_factory=list)
    date: list[Row] = field(default_factory=list)
    string: list[Row] = field(default_factory=list)
    quantity: list[Row] = field(default_factory=list)
    composite: list[Row] = field(default_factory=list)

    def extend(self, other: IndexRows) -> None:
        """Add the rows of *other*."""
        self.token += other.token
        self.reference += other.reference
        self.date += other.date
        self.string += other.string
        self.quantity += other.quantity
        self.composite += other.composite

    def minus(self, other: IndexRows) -> IndexRows:
        """Return the rows that *other* does not have."""
        return IndexRows(
            _minus(self.token, other.token), _minus(self.reference, other.reference),
            _minus(self.date, other.date), _minus(self.string, other.string), _minus(self.quantity, other.quantity),
            _minus(self.composite, other.composite),
        )  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.token or self.reference or self.date or self.string or self.quantity or self.composite)


CodeKey = tuple[int, int, str]
"""Parameter, hash and name of a row of ``token_code``."""


@dataclass(slots=True)
class Codes:
    """Rows for ``token_code``, which is only ever added to: those that are not *known* to be stored."""

    known: set[CodeKey]
    new: dict[CodeKey, Row] = field(default_factory=dict)


def _minus(rows: list[Row], others: list[Row]) -> list[Row]:
    gone = set(others)
    return [row for row in rows if row not in gone]


def _kept(entries: list[_Entry], shared: Shared) -> list[_Entry]:
    """Return the entries of parameters that have rows of their own."""
    return [entry for entry in entries if entry[0] not in shared] if entries else entries


class Encoder:
    """Turns entries into rows for one installation."""

    def __init__(self, hasher: Hasher) -> None:
        self.hasher = hasher

    def rows(self, entries: IndexEntries, rid: int, codes: Codes) -> IndexRows:
        """Return the rows of the resource *rid*, each once; the codes they need are added to *codes*."""
        rows = IndexRows()
        primary, shared = entries.low, entries.shared
        self._tokens(rows, _kept(entries.tokens, shared), rid, primary, codes)
        for identifier in _kept(entries.identifiers, shared):
            rows.token += [(identifier.parameter, hashed, primary, rid) for hashed in self._identifier(identifier)]
        for reference in entries.references:
            if reference.parameter in shared:
                self._shared_reference(rows, reference, shared[reference.parameter], primary, rid)
            else:
                self._reference(rows, reference, primary, rid, codes)
            for hashed in self._logical(reference.identifier_system, reference.identifier_value):
                rows.token.append((reference.parameter, hashed, primary, rid))
        rows.date = [
            (parameter if high - low <= NARROW else -parameter, low, high, rid)
            for parameter, low, high in entries.dates
        ]
        for text in _kept(entries.strings, shared):
            self._string(rows, text, rid)
        # uris are texts that are compared as they are
        rows.string += [
            (parameter, uri[:FOLDED_LENGTH], self.hasher.text(uri), rid)
            for parameter, uri in _kept(entries.uris, shared)
        ]
        for number in _kept(entries.numbers, shared):
            self._measured(rows, number, 0, primary, rid)
        for quantity in _kept(entries.quantities, shared):
            self._measured(rows, quantity, self._unit(codes, quantity.parameter, quantity), primary, rid)
        self._texts(rows, entries.texts, rid, primary, codes)
        self._words(rows, entries.words, rid, primary, codes)
        self._gather(rows, entries.gathered, rid, primary, codes)
        for composite in _kept(entries.composites, shared):
            self._composite(rows, composite, rid, primary, codes)
        return rows if _all_different(rows) else _distinct(rows)

    def _tokens(self, rows: IndexRows, tokens: Iterable[TokenEntry], rid: int, low: int, codes: Codes) -> None:
        token, known = self.hasher.token, codes.known
        for parameter, system, code in tokens:
            hashed = token(system, code)
            rows.token.append((parameter, hashed, low, rid))
            if (parameter, hashed, code) not in known:
                self._code(codes, parameter, hashed, system, code)

    def _code(self, codes: Codes, parameter: int, hashed: int, system: str | None, name: str) -> None:
        key = (parameter, hashed, name)
        if key not in codes.known:
            codes.new[key] = (parameter, self.hasher.token(None, name), hashed, system, name)

    def _texts(self, rows: IndexRows, texts: Iterable[TextEntry], rid: int, low: int, codes: Codes) -> None:
        """Add a row for each text, as for a code; ``token_code`` finds it by its beginning."""
        for parameter, text in texts:
            folded = fold(text)[:FOLDED_LENGTH]
            if folded:
                hashed = self.hasher.folded(folded)
                rows.token.append((parameter, hashed, low, rid))
                key = (parameter, hashed, folded)
                if key not in codes.known:
                    codes.new[key] = (parameter, leading(folded), hashed, None, folded)

    def _words(self, rows: IndexRows, sets: Iterable[WordsEntry], rid: int, low: int, codes: Codes) -> None:
        """Add a row for each set of words; ``token_code`` leads from a word to the sets that have it."""
        for parameter, words in sets:
            hashed = self.hasher.words(words)
            rows.token.append((parameter, hashed, low, rid))
            key = (parameter, hashed, "")
            if key not in codes.known and key not in codes.new:
                first, *others = words
                codes.new[key] = (parameter, self.hasher.word(first), hashed, None, "")
                for word in others:
                    codes.new[parameter, hashed, word] = (parameter, self.hasher.word(word), hashed, None, "")

    def _gather(self, rows: IndexRows, gathered: set[int], rid: int, low: int, codes: Codes) -> None:
        """Put one row, for the set of their values, in place of the rows of *gathered* parameters."""
        members = frozenset(
            (number, value) for number, value, *_ in rows.token if isinstance(number, int) and number in gathered
        )
        if not members:
            return
        hashed = self.hasher.gathered(members)
        rows.token = [row for row in rows.token if row[0] not in gathered]
        rows.token.append((GATHERED, hashed, low, rid))
        if (GATHERED, hashed, "0") not in codes.known:
            for place, (parameter, value) in enumerate(members):
                codes.new[GATHERED, hashed, str(place)] = (-parameter, value, hashed, None, "")

    def _identifier(self, entry: IdentifierEntry) -> list[int]:
        hasher = self.hasher
        hashes = [hasher.token(entry.system, entry.code)] if entry.system or entry.code else []
        if entry.code:
            hashes.append(hasher.bare(entry.code))
            if entry.system:
                hashes.append(hasher.token(entry.system, ""))
            if entry.type_code:
                hashes.append(hasher.of_type(entry.type_system, entry.type_code, entry.code))
        return hashes

    def _reference(self, rows: IndexRows, entry: ReferenceEntry, low: int, rid: int, codes: Codes) -> None:
        if entry.target:
            rows.reference.append((entry.parameter, self.hasher.text(entry.target), low, rid))
            if entry.version:
                self._versioned(rows, entry, entry.version, low, rid, codes)

    def _shared_reference(
        self, rows: IndexRows, entry: ReferenceEntry, place: tuple[int, str | None], low: int, rid: int
    ) -> None:
        """Add a row where nobody could tell by the row of the part in *place* that it points at its only type."""
        part, only = place
        if only is not None and entry.target and not tells(entry.target, only):
            rows.reference.append((part, self.hasher.typed(only, entry.target), low, rid))

    def _versioned(
        self, rows: IndexRows, entry: ReferenceEntry, version: str, low: int, rid: int, codes: Codes
    ) -> None:
        """Add a row for a canonical with its version; ``token_code`` finds it by the beginning of the version."""
        hashed = self.hasher.text(f"{entry.target}|{version}")
        rows.reference.append((entry.parameter, hashed, low, rid))
        key = (entry.parameter, hashed, version)
        if key not in codes.known:
            codes.new[key] = (entry.parameter, self.hasher.text(entry.target), hashed, None, version)

    def _logical(self, system: str | None, value: str | None) -> list[int]:
        """Return the hashes that find a logical reference: by both, by its system, by its value alone."""
        hasher = self.hasher
        hashes = [hasher.logical(system, value or "")] if system or value else []
        if system and value:
            hashes.append(hasher.logical(system, ""))
        if value:
            hashes.append(hasher.bare_logical(value))
        return hashes

    def _string(self, rows: IndexRows, entry: StringEntry, rid: int) -> None:
        folded = fold(entry.text)
        rows.string.append((entry.parameter, folded[:FOLDED_LENGTH], self.hasher.text(entry.text), rid))
        if len(folded) > FOLDED_LENGTH:
            rows.string.append((long_key(entry.parameter), "", 0, rid))

    @staticmethod
    def _measured(
        rows: IndexRows, entry: NumberEntry | QuantityEntry | RangeEntry, unit: int, low: int, rid: int
    ) -> None:
        """Add a number of a unit; what reaches from one number to another lies with the composites."""
        if isinstance(entry, RangeEntry):
            rows.composite.append((entry.parameter, unit, 0, float(entry.low), float(entry.high), "", low, rid))
        else:
            rows.quantity.append((entry.parameter, unit, entry.value, low, rid))

    def _unit(self, codes: Codes, parameter: int, entry: QuantityEntry | RangeEntry) -> int:
        """Return the hash of the unit, and make it findable by its code, by its text, and for any unit."""
        code, text, known = entry.code or "", entry.unit or "", codes.known
        unit = self.hasher.token(entry.system, code or text)
        for name in (code, text):
            if (parameter, unit, name) not in known:
                self._code(codes, parameter, unit, entry.system, name)
                self._dimension(codes, parameter, unit, entry)
        return unit

    def _dimension(self, codes: Codes, parameter: int, unit: int, entry: QuantityEntry | RangeEntry) -> None:
        """Make a unit of UCUM findable by what it measures, with the way from base units to it."""
        found = conversion(entry.system, entry.code)
        if found is not None:
            way = f"{'ln' if found.is_logarithmic else 'of'} {found.ratio} {found.offset}"
            dimension = self.hasher.dimension(found.dimension)
            codes.new[parameter, unit, f"\x04{found.dimension}"] = (parameter, dimension, unit, None, way)

    def _composite(self, rows: IndexRows, entry: CompositeEntry, rid: int, dated: int, codes: Codes) -> None:
        """Lay the components into the row's slots; an identifier has several hashes and so several rows."""
        exact: list[list[int]] = []
        ordered: list[tuple[float, float]] = []
        folded = ""
        parameter, token = entry.parameter, self.hasher.token
        for component in entry.components:
            # the frequent kinds come first; patterns of match cost several times as much
            if isinstance(component, TokenEntry):
                hashed = token(component.system, component.code)
                exact.append([hashed])
                self._code(codes, parameter, hashed, component.system, component.code)
            elif isinstance(component, QuantityEntry):
                exact.append([self._unit(codes, parameter, component)])
                ordered.append((component.value, component.value))
            elif isinstance(component, RangeEntry):
                exact.append([self._unit(codes, parameter, component)])
                ordered.append((float(component.low), float(component.high)))
            elif isinstance(component, NumberEntry):
                ordered.append((component.value, component.value))
            elif isinstance(component, DateEntry):
                ordered.append((float(component.low), float(component.high)))
            elif isinstance(component, StringEntry):
                folded = fold(component.text)
            elif isinstance(component, IdentifierEntry):
                exact.append(self._identifier(component))
            elif isinstance(component, ReferenceEntry):
                exact.append([self.hasher.text(component.target)])
            else:
                exact.append([self.hasher.text(component.uri)])
        if len(folded) > FOLDED_LENGTH:
            rows.string.append((long_key(parameter), "", 0, rid))
            folded = folded[:FOLDED_LENGTH]
        low, high = _span(ordered)
        firsts, seconds = [*exact, [0], [0]][:2]
        rows.composite += [
            (entry.parameter, first, second, low, high, folded, dated, rid) for first in firsts for second in seconds
        ]


def _span(ordered: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the slots low and high: one range, or two numbers of which each has a slot."""
    if not ordered:
        return 0.0, 0.0
    if len(ordered) == 1:
        return ordered[0]
    return ordered[0][0], ordered[1][0]


def _all_different(rows: IndexRows) -> bool:
    return all(
        len(set(table)) == len(table)
        for table in (rows.token, rows.reference, rows.date, rows.string, rows.quantity, rows.composite)
    )


def _distinct(rows: IndexRows) -> IndexRows:
    return IndexRows(
        list(dict.fromkeys(rows.token)), list(dict.fromkeys(rows.reference)),
        list(dict.fromkeys(rows.date)),
        list(dict.fromkeys(rows.string)), list(dict.fromkeys(rows.quantity)), list(dict.fromkeys(rows.composite)),
    )  # fmt: skip


def index_hash(rows: IndexRows, hasher: Hasher) -> int:
    """Return a hash that is equal for equal rows."""
    # version 2 of the format has no back references, whose presence depends on how often an object is used
    tables = (rows.token, rows.reference, rows.date, rows.string, rows.quantity, rows.composite)
    return hasher.content(marshal.dumps(tables, 2))


class PresentBits:
    """Which parameters have a value, as the bits of ``resource.present``.

    A parameter's bit is its place among its type's parameters in the order of their codes.
    """

    def __init__(self, definitions: SearchDefinitions) -> None:
        self._definitions = definitions
        self._bits: dict[str, dict[int, int]] = {}

    def number(self, resource_type: str, parameter: int) -> int | None:
        """Return the bit of a parameter key within its type; None of a tenant's own parameter, which has none."""
        return self._of_type(resource_type).get(parameter)

    def _of_type(self, resource_type: str) -> dict[int, int]:
        bits = self._bits.get(resource_type)
        if bits is None:
            parameters = self._definitions.parameters(resource_type)
            bits = {parameters[code].key: place for place, code in enumerate(sorted(parameters))}
            self._bits[resource_type] = bits
        return bits

    def of(self, resource_type: str, entries: IndexEntries) -> bytes:
        """Return the bits of *entries*, least significant first, as PostgreSQL's ``get_bit`` counts them."""
        lists = (entries.tokens, entries.identifiers, entries.references, entries.dates, entries.strings,
                 entries.numbers, entries.quantities, entries.uris, entries.composites)  # fmt: skip
        of_type = self._of_type(resource_type)
        bits = 0
        for parameter in of_type.keys() & {entry[0] for entries_of_kind in lists for entry in entries_of_kind}:
            bits |= 1 << of_type[parameter]
        return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
