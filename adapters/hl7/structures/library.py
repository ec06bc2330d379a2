"""Looking up what a version defines."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import msgspec
import zstandard

from adapters.hl7.structures.rows import Manifest, Member, Structures

DATA = Path(__file__).parent / "data"
MANIFEST = "manifest.json"

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
"""Versions that are compiled, the oldest first."""

_SHARED = {
    "ADT_A01": "A01 A04 A08 A13",
    "ADT_A05": "A05 A14 A28 A31",
    "ADT_A06": "A06 A07",
    "ADT_A09": "A09 A10 A11 A12",
    "ADT_A21": "A21 A22 A23 A25 A26 A27 A29 A32 A33",
    "ADT_A30": "A30 A34 A35 A36 A46 A47 A48 A49",
    "ADT_A39": "A39 A40 A41 A42",
    "ADT_A50": "A50 A51",
    "ADT_A52": "A52 A53",
    "ADT_A54": "A54 A55",
    "ADT_A61": "A61 A62",
    "MDM_T01": "T01 T03 T05 T07 T09 T11",
    "MDM_T02": "T02 T04 T06 T08 T10",
    "SIU_S12": "S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26 S27",
    "SRM_S01": "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11",
    "SRR_S01": "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11",
    "REF_I12": "I12 I13 I14 I15",
    "RRI_I12": "I12 I13 I14 I15",
    "RQA_I08": "I08 I09 I10 I11",
    "RPA_I08": "I08 I09 I10 I11",
    "PEX_P07": "P07 P08",
    "RDE_O11": "O11 O25",
    "PPR_PC1": "PC1 PC2 PC3",
    "PGL_PC6": "PC6 PC7 PC8",
    "PPP_PCB": "PCB PCC PCD",
}
_OF_EVENT = {f"{structure[:3]}_{event}": structure for structure, events in _SHARED.items() for event in events.split()}
"""Table 0354 where a structure serves several events: the structure by message code and event."""


@cache
def structures(version: str) -> Structures:
    """Return what one of :data:`VERSIONS` defines.

    Raises:
        KeyError: it is none of them; :func:`version_of` finds the one that serves.
    """
    if version not in VERSIONS:
        raise KeyError(version)
    packed = (DATA / f"{version}.json.zst").read_bytes()
    return msgspec.json.decode(zstandard.ZstdDecompressor().decompress(packed), type=Structures)


@cache
def manifest() -> Manifest:
    """Return the data's origin."""
    return msgspec.json.decode((DATA / MANIFEST).read_bytes(), type=Manifest)


@lru_cache(maxsize=256)
def version_of(msh_12: str) -> str:
    """Return the version that serves a message of version *msh_12*: itself, or the newest that is older.

    What is no version at all is served as 2.5.1, the one most senders mean.
    """
    wanted = _numbers(msh_12)
    if wanted is None:
        return "2.5.1"
    older = [version for version in VERSIONS if (_numbers(version) or ()) <= wanted]
    return older[-1] if older else VERSIONS[0]


@lru_cache(maxsize=1024)
def structure_of(version: str, code: str, event: str, structure: str = "") -> Member | None:
    """Return the message structure of MSH-9; None when no version has one for it.

    A structure that *version* does not have is taken from the newest older version, or else from a newer one.

    Args:
        version: one of :data:`VERSIONS`.
        code: MSH-9.1, such as ``ADT``.
        event: MSH-9.2, such as ``A04``.
        structure: MSH-9.3; older senders leave it out, others get it wrong.
    """
    own = f"{code}_{event}"
    names = [name for name in (structure, own, _OF_EVENT.get(own), code) if name]
    here = VERSIONS.index(version)
    for candidate in (*VERSIONS[here::-1], *VERSIONS[here + 1 :]):
        known = structures(candidate).messages
        found = next((known[name] for name in names if name in known), None)
        if found is not None:
            return found
    return None


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = version.split(".")
    if not all(part.isdecimal() and part.isascii() and len(part) < 4 for part in parts):  # noqa: PLR2004 - no version has
        return None
    return tuple(int(part) for part in parts)
