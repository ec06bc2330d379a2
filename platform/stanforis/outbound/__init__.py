"""Requests to URLs that somebody else chose, which must not lead inside: the one way out for the whole suite."""

from stanforis.outbound.client import Answer, Outbound, OutboundError, Timeouts

__all__ = ["Answer", "Outbound", "OutboundError", "Timeouts"]
