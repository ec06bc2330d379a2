"""Who gets messages: the part ``destinations`` of a site's ``site.yaml``."""

from __future__ import annotations

from msgspec import Struct


class DestinationFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A system that messages are sent to.

    Attributes:
        name: what people call it, and the name of its folder; ``tables/`` there go before those of every destination.
        host, port: where it listens.
        messages: files of ``mappings/outbound`` by their names: ``ADT_A01``.
        sending: MSH-3 and MSH-4, components with ``^``: ``LAB^2.16.840.1^ISO``.
        receiving: MSH-5 and MSH-6.
        tenant: number of the tenant whose changes it gets.
        roles: what it may be in that tenant; the role ``system`` sees nothing with a sensitive label.
        scope: what it may read at most.
        organization: logical id of the Organization it is of, which consents may name; empty for none.
        purpose: what for: code of http://terminology.hl7.org/CodeSystem/v3-ActReason.
        version: of HL7 v2, MSH-12.
        charset: MSH-18; empty for ASCII.
        processing: MSH-11.
        accept: MSH-15; empty for the original mode.
        application_accept: MSH-16.
        profiles: MSH-21, such as ``Z22^CDCPHINVS``.
        filter: FHIRPath over the resource that changed: others are not sent.
        validation: ``full``: by the fields and by hl7apy; ``fields``: by the fields alone, ten times as fast.
        start: ``now``: what changes from the first start on; ``beginning``: all there is.
        errors: ``retry`` sends a message again that was answered AE or CE; ``dead`` does not.
        retry_hours: how long it is sent again.
        answer_seconds: how long an answer is waited for.
        connections: how many there are at a time; those of one patient go one after the other all the same.
        tls: whether the connection is encrypted.
        authorities: PEM file of who may sign the destination's certificate; empty for the system's.
        server_name: whose name the destination's certificate has to bear; empty for *host*.
        certificate, key: PEM files of our own certificate; empty for none.
    """

    name: str
    host: str
    port: int
    messages: tuple[str, ...]
    sending: tuple[str, str] = ("STANFORIS", "")
    receiving: tuple[str, str] = ("", "")
    tenant: int = 1
    roles: tuple[str, ...] = ("system",)
    scope: str = "system/*.rs"
    organization: str = ""
    purpose: str = "TREAT"
    version: str = "2.5.1"
    charset: str = "UNICODE UTF-8"
    processing: str = "P"
    accept: str = ""
    application_accept: str = ""
    profiles: tuple[str, ...] = ()
    filter: str = "true"
    validation: str = "full"
    start: str = "now"
    errors: str = "retry"
    retry_hours: int = 72
    answer_seconds: float = 30.0
    connections: int = 1
    tls: bool = False
    authorities: str = ""
    server_name: str = ""
    certificate: str = ""
    key: str = ""
