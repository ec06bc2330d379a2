"""How much one client may ask of one tenant."""

from __future__ import annotations

from stanforis.transport.limiting import Limiter

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.rest.entrance import Admitted, Entrance, Head, Outcome


class ClientLimits:
    """Lets in clients that have not asked too much; see :class:`fhir_api.rest.entrance.Entrance`."""

    def __init__(self, inner: Entrance, limiter: Limiter) -> None:
        """Let in whom *inner* lets in, as often as *limiter* grants."""
        self._inner = inner
        self._limiter = limiter

    async def admit(self, head: Head) -> Admitted:
        """See :class:`fhir_api.rest.entrance.Entrance`.

        Raises:
            FhirError: THROTTLED.
        """
        admitted = await self._inner.admit(head)
        caller = admitted.context.caller
        again = self._limiter.refuses(str(caller.tenant), caller.client_id) if caller.client_id else 0
        if again:
            raise refuse(ErrorKind.THROTTLED, f"The client asked too much; come again in {again} seconds.")
        return admitted

    async def left(self, admitted: Admitted | None, outcome: Outcome) -> None:
        """See :class:`fhir_api.rest.entrance.Entrance`."""
        await self._inner.left(admitted, outcome)
