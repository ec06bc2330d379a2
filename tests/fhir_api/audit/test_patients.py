"""Which patients a resource names."""

from __future__ import annotations

import pytest

from fhir_api.audit.patients import patients_of
from fhir_api.model.keys import ResourceKey
from fhir_api.model.versions import Change, StoredVersion


@pytest.mark.parametrize(
    ("key", "body", "patients"),
    [
        (ResourceKey("Patient", "1"), b'{"resourceType":"Patient","id":"1"}', {"1"}),
        (ResourceKey("Patient", "1"), b'{"link":[{"other":{"reference":"Patient/old.1"}}]}', {"1", "old.1"}),
        (ResourceKey("Observation", "1"), b'{"subject":{"reference":"Patient/7"}}', {"7"}),
        (ResourceKey("Observation", "1"), b'{"subject":{"reference":"Patient/7/_history/3"}}', {"7"}),
        (ResourceKey("Observation", "1"), b'{"subject":{"reference":"https://here.example/fhir/Patient/7"}}', {"7"}),
        (ResourceKey("List", "1"), b'{"entry":[{"item":{"reference":"Patient/7"}},{"item":{"reference":"Patient/8"}}]}',
         {"7", "8"}),
        (ResourceKey("Bundle", "1"), b'{"entry":[{"request":{"method":"GET","url":"Patient/7"}}]}', {"7"}),
        (ResourceKey("Observation", "1"), b'{"code":{"text":"Patient/ ill"},"subject":{"reference":"Group/7"}}', set()),
        (ResourceKey("Observation", "1"), b"", set()),
    ],
)  # fmt: skip
def test_every_patient_that_is_named(key, body, patients):
    assert patients_of(StoredVersion(key, 1, 0, Change.UPDATE, body)) == patients
