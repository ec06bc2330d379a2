"""Codes that stand for others: purposes of use, sensitivity, and the order of confidentiality.

Spec: https://terminology.hl7.org/CodeSystem-v3-ActReason.html, https://hl7.org/fhir/R4/security-labels.html
"""

from __future__ import annotations

from functools import cache
from typing import Final

_BELOW: Final = {
    code: frozenset(below.split())
    for code, below in {
        "HOPERAT": "CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP HSYSADMIN "
        "MEMADMIN MILCDM PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV TRAIN",
        "HSYSADMIN": "LABELING METAMGT",
        "SYSDEV": "HTEST",
        "HPAYMT": "CLMATTCH COVAUTH COVERAGE REMITADV",
        "COVERAGE": "ELIGDTRM ELIGVER ENROLLM MILDCRG",
        "HRESCH": "BIORCH CLINTRCH DSRCH POARCH TRANSRCH",
        "CLINTRCH": "CLINTRCHNPC CLINTRCHPC PRECLINTRCH",
        "PATRQT": "FAMRQT PWATRNY SUPNWK",
        "PUBHLTH": "DISASTER THREAT",
        "TREAT": "CLINTRL COC ETREAT POPHLTH",
        "ETREAT": "BTG ERTREAT",
        "SPI": "BH MH PSY PSYTHPN SUD",
        "BH": "COGN DVD EMOTDIS",
        "SUD": "ETHUD OPIOIDUD",
    }.items()
}
_CONFIDENTIALITY: Final = "ULMNRV"
NORMAL: Final = "N"


@cache
def with_below(code: str) -> frozenset[str]:
    """Return a purpose of use or a sensitivity with all that it stands for."""
    return frozenset({code}).union(*map(with_below, _BELOW.get(code, ())))


def is_confidentiality(code: str) -> bool:
    """Tell whether *code* is a level of confidentiality."""
    return len(code) == 1 and code in _CONFIDENTIALITY


def up_to(code: str) -> tuple[str, ...]:
    """Return a level of confidentiality and those that are lower."""
    return tuple(_CONFIDENTIALITY[: _CONFIDENTIALITY.index(code) + 1])


def above(code: str) -> tuple[str, ...]:
    """Return the levels of confidentiality that are higher."""
    return tuple(_CONFIDENTIALITY[_CONFIDENTIALITY.index(code) + 1 :])
