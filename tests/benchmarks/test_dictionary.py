"""The body dictionary keeps its promise on bodies it was not trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.dictionary import TARGET, measure
from benchmarks.samples import stored_bodies

SYNTHEA = Path(__file__).parents[2] / "../shared/data/synthea-r4"


def ratio(bodies: list[bytes]) -> float:
    return float(measure(TARGET.read_bytes(), bodies)["types"]["all"]["ratio"])


def test_synthetic_bodies_shrink_to_a_sixth() -> None:
    assert ratio(list(stored_bodies(None, patients=3, seed=99))) > 6


@pytest.mark.skipif(not SYNTHEA.is_dir(), reason="needs ../shared/data/synthea-r4")
def test_synthea_bodies_shrink_to_a_fifth(tmp_path: Path) -> None:
    for path in sorted(SYNTHEA.iterdir())[:4]:
        (tmp_path / path.name).symlink_to(path)
    assert ratio(list(stored_bodies(tmp_path))) > 5
