"""How a sender writes dates and numbers otherwise than HL7 v2 does: ``24/12/1990``, ``12,5``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from types import MappingProxyType

from adapters.hl7.mapping.values import CONVERSIONS, Conversion, Primitive
from mappings.errors import MappingError

FORMS = "written"
"""Small table of a sender's forms: ``kind`` (``date | decimal``) and ``form``."""

_PARTS = {"YYYY": "year", "MM": "month", "DD": "day", "hh": "hour", "mm": "minute", "ss": "second"}
_PART = re.compile("|".join(_PARTS))
_MOMENTS = frozenset({"date", "dateTime", "instant"})


def conversions(forms: Iterable[Mapping[str, str]]) -> Mapping[str, Conversion]:
    """Return the conversion of each primitive type for a sender.

    Raises:
        MappingError: a form cannot be read.
    """
    listed = list(forms)
    dates = tuple(date_form(row["form"]) for row in listed if row["kind"] == "date")
    comma = any(row["kind"] == "decimal" and row["form"] == "," for row in listed)
    if not dates and not comma:
        return CONVERSIONS
    found = dict(CONVERSIONS)
    if dates:
        found |= {name: _dated(CONVERSIONS[name], dates) for name in _MOMENTS}
    if comma:
        found["decimal"] = _with_comma(CONVERSIONS["decimal"])
    return MappingProxyType(found)


def date_form(form: str) -> re.Pattern[str]:
    """Return what reads a date written as *form* says: ``DD/MM/YYYY``, ``DD.MM.YYYY hh:mm``.

    Raises:
        MappingError: it has no year, or a part twice.
    """
    names = [_PARTS[found] for found in _PART.findall(form)]
    if "year" not in names or len(set(names)) < len(names):
        raise MappingError(f"dates: expected a form such as DD/MM/YYYY or DD/MM/YYYY hh:mm, found {form!r}")
    text, end = "", 0
    for part in _PART.finditer(form):
        width = "4" if part[0] == "YYYY" else "1,2"
        text += re.escape(form[end : part.start()]) + rf"(?P<{_PARTS[part[0]]}>\d{{{width}}})"
        end = part.end()
    return re.compile(text + re.escape(form[end:]))


def _dated(convert: Conversion, forms: tuple[re.Pattern[str], ...]) -> Conversion:
    def converted(text: str, zone: tzinfo) -> Primitive | None:
        for form in forms:
            found = form.fullmatch(text.strip())
            if found is not None:
                parts = found.groupdict()
                joined = "".join(parts[name].zfill(2) for name in _PARTS.values() if parts.get(name))
                return convert(joined, zone)
        return convert(text, zone)

    return converted


def _with_comma(convert: Conversion) -> Conversion:
    return lambda text, zone: convert(
        text.replace(",", ".") if text.count(",") == 1 and "." not in text else text, zone
    )
