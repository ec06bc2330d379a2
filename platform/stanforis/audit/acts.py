"""Records of what is no request for a resource: data handed to other systems, and what administrators do.

They are kept with :meth:`stanforis.audit.TenantTrail.keep`, or with ``store`` where nothing may go on before they are
on disk.

Spec: https://profiles.ihe.net/ITI/BALP/content.html, https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
"""

from __future__ import annotations

from collections.abc import Iterable

from stanforis.audit.records import NOBODY, Record, Who, network, now

DISCLOSURE = "disclosure"
ADMINISTRATION = "admin-"
"""What the interaction of an administrator's action begins with."""
_DONE, _FAILED = 200, 502


def disclosed(
    recipient: str,
    address: str,
    *,
    patients: Iterable[str],
    resources: Iterable[str] = (),
    is_taken: bool = True,
    who: Who = NOBODY,
    purpose: str = "",
    message: str = "",
) -> Record:
    """Return the record of data that was handed to another system without having been asked for over FHIR.

    Args:
        recipient: name of the system, such as ``lab/results``; the trail is searched by it.
        address: where it is, such as ``mllp://10.1.2.3:2575``.
        patients: logical ids of the patients whose data it was.
        resources: what it was made of, such as ``Observation/1/_history/2``.
        is_taken: whether the other system said that it took it; what was sent and refused is disclosed all the same.
        who: on whose behalf, where that is known.
        purpose: code of http://terminology.hl7.org/CodeSystem/v3-ActReason.
        message: id of the message, such as MSH-10.
    """
    return Record(
        now(),
        DISCLOSURE,
        "R",
        _DONE if is_taken else _FAILED,
        who,
        request=message,
        entities=tuple(resources),
        patients=tuple(sorted(set(patients))),
        purpose=purpose,
        recipient=recipient,
        address=address,
    )


def administered(
    action: str,
    targets: Iterable[str],
    *,
    who: Who,
    status: int = _DONE,
    changed: Iterable[str] = (),
    request: str = "",
    peer: str | None = None,
) -> Record:
    """Return the record of something that an administrator did, or was not allowed to do.

    It belongs on the trail of the tenant that it concerns.

    Args:
        action: lower-case words with hyphens: ``tenant-suspend``, ``user-create``, ``key-renew``.
        targets: what it was done to, as URNs: ``urn:stanforis:tenant:clinic``, ``urn:stanforis:user:…``.
        who: the administrator; on the command line a client alone: ``Who(client="stanforis-cli")``.
        status: of the answer, as of HTTP: 401 and 403 where they may not, 409 and 422 where it could not be done.
        changed: names of what was changed, such as ``plan``; never values.
        request: id of the request.
        peer: address that it came from.
    """
    return Record(
        now(),
        ADMINISTRATION + action,
        "E",
        status,
        who,
        request=request,
        entities=tuple(targets),
        changed=tuple(sorted(changed)),
        network=network(peer),
    )
