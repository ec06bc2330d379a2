"""``_text`` and ``_content`` need no setting."""

from __future__ import annotations

import pytest
from stanforis.settings import Settings

from fhir_api.definitions import CompiledDefinitions
from fhir_api.model.errors import FhirError


@pytest.mark.parametrize("name", ["_text", "_content"])
def test_words_are_looked_for_unless_that_is_switched_off(name: str) -> None:
    assert CompiledDefinitions(Settings()).criteria("Patient", f"{name}=asthma")
    with pytest.raises(FhirError, match="full_text_search"):
        CompiledDefinitions(Settings(full_text_search=False)).criteria("Patient", f"{name}=asthma")
