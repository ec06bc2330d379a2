"""What one client may ask of one tenant."""

from __future__ import annotations

import pytest
from stanforis.transport.limiting import Limiter

from fhir_api.access.caller import Caller
from fhir_api.definitions import CompiledDefinitions
from fhir_api.interactions.context import Context
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.rest.client_limits import ClientLimits
from fhir_api.rest.entrance import Admitted, Head
from fhir_api.store.memory.store import MemoryStore
from tests.support.applications import SETTINGS

RULES = CompiledDefinitions(SETTINGS)


class Knows:
    """Lets in the client that the path names, to the tenant that the query does."""

    async def admit(self, head):
        caller = Caller(int(head.query[0][1]), client_id=head.segments[0])
        return Admitted(Context(MemoryStore(), RULES, "http://base", caller=caller))

    async def left(self, admitted, outcome):
        pass


def head(client: str, tenant: str) -> Head:
    return Head("GET", "/", (client,), (("tenant", tenant),), {})


async def test_a_client_is_limited_in_each_tenant_by_itself():
    limits = ClientLimits(Knows(), Limiter(2))
    for _ in range(2):
        await limits.admit(head("app", "1"))
    with pytest.raises(FhirError) as refused:
        await limits.admit(head("app", "1"))
    assert refused.value.kind is ErrorKind.THROTTLED
    await limits.admit(head("other", "1"))
    await limits.admit(head("app", "2"))
