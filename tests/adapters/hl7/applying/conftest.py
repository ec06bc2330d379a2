"""A hospital on a FHIR server in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.hl7.applying.server import InProcess
from fhir_api.app import create_app
from tests.support.applications import SETTINGS, open_memory
from tests.support.hospital import Hospital


@pytest.fixture(scope="module")
def prepared():
    """Made once: compiling the definitions is most of the work."""
    return create_app(SETTINGS, open_stores=open_memory)


@pytest.fixture
async def server(prepared) -> AsyncIterator[InProcess]:
    await prepared.start()
    yield InProcess(prepared, "/fhir")
    await prepared.stop()


@pytest.fixture
def hospital(server) -> Hospital:
    return Hospital(server)
