"""MLLP: HL7 messages over TCP, each between a start block and an end block.

Spec: HL7 v3 Transport Specification: MLLP, Release 2; HL7 v2 Implementation Guide, appendix C.
"""

from adapters.hl7.mllp.client import MllpClient, MllpError, MllpUnreachableError
from adapters.hl7.mllp.frames import FrameReader, Oversized, framed
from adapters.hl7.mllp.listener import Limits, Listener, Peer, Reply, listen
from adapters.hl7.mllp.tls import client_context, server_context

__all__ = [
    "FrameReader",
    "Limits",
    "Listener",
    "MllpClient",
    "MllpError",
    "MllpUnreachableError",
    "Oversized",
    "Peer",
    "Reply",
    "client_context",
    "framed",
    "listen",
    "server_context",
]
