from __future__ import annotations

import pytest
from tests.fhir_api.rest.conftest import JSON
from tests.support.examples import SHARED
from tests.support.requests import one_of_words
from tests.support.outcomes import link
import gzip, orjson, time


async def pages(client, path):
    found = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found.append(bundle)
        path = link(bundle, "next")
    return found


async def test_synthea(client):
    for p in sorted((SHARED / "synthea-r4").glob("*.json.gz"))[:6]:
        raw = gzip.decompress(p.read_bytes())
        b = orjson.loads(raw)
        r = await client.post("/", content=raw, headers=JSON)
        assert r.status_code == 200, r.text[:500]
        locs = {e["response"]["location"].partition("/_history")[0] for e in r.json()["entry"]}
        pat = [l for l in locs if l.startswith("Patient/")]
        if not pat:
            print(p.name, "no patient", len(locs)); continue
        for q in ("", "?_count=50"):
            t=time.perf_counter()
            ps = await pages(client, f"/{pat[0]}/$everything{q}")
            t=time.perf_counter()-t
            got = [f"{e['resource']['resourceType']}/{e['resource']['id']}" for x in ps for e in x["entry"]]
            print(p.name, len(locs), len(got), len(set(got)), len(ps), f"{t*1000:.0f} ms", {l.split('/')[0] for l in locs-set(got)}, set(got)-locs and len(set(got)-locs))
