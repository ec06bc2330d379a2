"""Acknowledgements: whether a message is answered, with which code, and the answer itself.

Spec: HL7 v2.8.2 chapter 2, 2.9.2 (message response using the original and the enhanced acknowledgement rules).
"""

from adapters.hl7.acknowledgement.answer import Answer, Delay, acknowledge, salvage
from adapters.hl7.acknowledgement.rules import Mode, Outcome, accept_code, application_code, may_follow, mode_of

__all__ = [
    "Answer",
    "Delay",
    "Mode",
    "Outcome",
    "accept_code",
    "acknowledge",
    "application_code",
    "may_follow",
    "mode_of",
    "salvage",
]
