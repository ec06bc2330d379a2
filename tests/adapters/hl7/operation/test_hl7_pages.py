"""The pages: without scripts, in two languages, for keyboards and screen readers, with forms nobody else can send."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from adapters.hl7.operation.mount import Operation
from adapters.hl7.operation.texts import TEXTS
from adapters.hl7.store.port import Settlement, State
from fhir_api.app import create_app
from identity.access.people.sessions import start_session
from identity.access.people.signing_in import SignedIn
from tests.adapters.hl7.operation.conftest import NoQueues
from tests.support.access import a_user
from tests.support.applications import SETTINGS, open_memory
from tests.support.hl7 import ADT

SECRET = "Uwase"
UNKNOWN_SEX = ADT.replace(b"|F|", b"|Q|")
FORM = re.compile(r'name="form" value="([^"]+)"')


async def browser(hospital: Any, *roles: str) -> httpx.AsyncClient:
    """Return the browser of somebody in these roles, who is signed in."""
    server = hospital.app._access.server(1)
    user = a_user(user_id=f"u-{roles}", roles=roles)
    await server.store.keep_user(user)
    secret = await start_session(server, SignedIn(user, ("pwd",)), None)
    http: httpx.AsyncClient = hospital.http({"cookie": f"__Host-session={secret}"})
    return http


async def dead(hospital: Any, control_id: str = "M1") -> int:
    number: int = await hospital.receives(control_id)
    await hospital.store.settle([Settlement(number, State.DEAD, "the FHIR server answered 422")])
    return number


async def sent(http: httpx.AsyncClient, page: str, to: str = "", **fields: str) -> httpx.Response:
    """Send the form of a page."""
    found = FORM.search((await http.get(page)).text)
    assert found is not None
    return await http.post(to or page, data={"form": found[1], **fields})


class Outline(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []
        self.inside = ""
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        assert not [name for name in told if name.startswith("on") or name == "style"]
        if tag == "label":
            self.labelled.add(told.get("for") or "")
            self.inside = "label"
        if tag in {"input", "select", "textarea"} and told.get("type") != "hidden" and self.inside != "label":
            self.fields.append(told["id"] or "")
        if tag in {"a", "form"}:
            self.links.append(told.get("href") or told.get("action") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self.inside = ""


MESSAGE = ["/messages/1", "/messages/1/content", "/messages/1/correct"]
PAGES = ["/", "/messages", *MESSAGE, "/questions", "/coverage", "/replay", "/destinations", "/sent"]


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_safe_and_can_be_read_aloud(hospital, page):
    await dead(hospital)
    answer = await (await browser(hospital, "integrator")).get(f"/hl7{page}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    outline = Outline(answer.text)
    assert "script" not in outline.tags
    assert (outline.tags.count("h1"), outline.tags.count("main"), outline.tags.count("title")) == (1, 1, 1)
    assert outline.tags.count("caption") == outline.tags.count("table")
    assert set(outline.fields) <= outline.labelled
    assert outline.links[0] == "#content"
    assert not [link for link in outline.links if SECRET in link or "4711" in link]
    assert (SECRET in answer.text) == (page in {"/messages/1/content", "/messages/1/correct"})


@pytest.mark.parametrize(("language", "title"), [("fr-RW,fr;q=0.9", "Émetteurs"), ("en", "Senders"), ("de", "Senders")])
async def test_pages_speak_the_language_of_the_browser(hospital, language, title):
    http = await browser(hospital, "administrator")
    answer = await http.get("/hl7/", headers={"accept-language": language})
    assert f"<h1>{title}</h1>" in answer.text


def test_both_languages_say_the_same():
    assert TEXTS["en"].keys() == TEXTS["fr"].keys()


async def test_silent_senders_are_told_first(hospital):
    answer = await (await browser(hospital, "administrator")).get("/hl7")
    assert re.search(r'<p role="alert">[^<]*north/QUIET', answer.text)


async def test_who_is_not_signed_in_is_led_there(hospital):
    answer = await hospital.http().get("/hl7/messages")
    assert (answer.status_code, answer.headers["location"]) == (303, "http://127.0.0.1:8080/auth/login?request=hl7")
    assert (await hospital.http().post("/hl7/replay")).status_code == 401
    assert (await (await browser(hospital, "nurse")).get("/hl7/")).status_code == 403
    signing_in = await hospital.http({"cookie": "__Host-browser=b"}).get("/auth/login?request=hl7")
    assert signing_in.status_code == 200


async def test_a_dead_letter_is_corrected_by_a_form(hospital):
    number = await dead(hospital)
    http = await browser(hospital, "integrator")
    text = (await hospital.store.read(number)).raw.decode().replace("\r", "\r\n")
    wrong = await sent(http, f"/hl7/messages/{number}/correct", text="PID|1")
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (422, True)
    answer = await sent(http, f"/hl7/messages/{number}/correct", text=text.replace("Diane", "Dina"))
    assert answer.headers["location"] == f"/hl7/messages/{number + 1}?done=corrected"
    shown = await http.get(answer.headers["location"])
    assert 'role="status"' in shown.text
    assert f'href="/hl7/messages/{number}"' in shown.text
    assert b"Dina" in (await hospital.store.read(number + 1)).raw


async def test_a_message_is_replayed_or_closed_by_a_form(hospital):
    first, second = await dead(hospital, "M1"), await dead(hospital, "M2")
    http = await browser(hospital, "administrator")
    page = f"/hl7/messages/{first}"
    assert (await sent(http, page, f"{page}/replay", later="yes")).status_code == 303
    assert (await hospital.store.read(first)).state is State.RECEIVED
    page = f"/hl7/messages/{second}"
    assert (await sent(http, page, f"{page}/close", reason="")).status_code == 422
    assert (await sent(http, page, f"{page}/close", reason="twice")).status_code == 303
    assert (await hospital.store.read(second)).reason == "twice"


async def test_many_are_counted_before_they_are_replayed(hospital):
    for number in range(3):
        await dead(hospital, f"M{number}")
    http = await browser(hospital, "administrator")
    counted = await sent(http, "/hl7/replay", state="dead", rate="5", later="yes", do="count")
    assert "3 messages would" in counted.text
    done = await sent(http, "/hl7/replay", state="dead", rate="5", later="yes", do="replay")
    assert done.headers["location"] == "/hl7/replay?done=replaying&count=3"
    refused = await sent(http, "/hl7/replay", rate="much", do="replay")
    assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)
    assert (await sent(http, "/hl7/replay", do="replay")).status_code == 422


async def test_a_question_is_answered_by_a_form(hospital):
    await hospital.receives("M1", UNKNOWN_SEX)
    await hospital.worker.drain()
    http = await browser(hospital, "integrator")
    page = re.search(r'href="(/hl7/questions/[^"]+)">Q<', (await http.get("/hl7/questions")).text)
    assert page is not None
    assert (await sent(http, page[1], choice="", code="")).status_code == 422
    assert (await sent(http, page[1], choice="female")).headers["location"] == "/hl7/questions?done=answered"
    assert "<form" not in (await http.get(page[1])).text


@pytest.mark.parametrize("form", ["", "wrong", "of another"])
async def test_a_form_that_was_not_written_for_this_browser_is_refused(hospital, form):
    number = await dead(hospital)
    if form == "of another":
        other = await browser(hospital, "integrator")
        found = FORM.search((await other.get(f"/hl7/messages/{number}")).text)
        form = "" if found is None else found[1]
    http = await browser(hospital, "administrator")
    answer = await http.post(f"/hl7/messages/{number}/close", data={"form": form, "reason": "because"})
    assert (answer.status_code, (await hospital.store.read(number)).state) == (403, State.DEAD)


async def test_another_site_asks_for_nothing(hospital):
    number = await dead(hospital)
    http = await browser(hospital, "integrator")
    found = FORM.search((await http.get(f"/hl7/messages/{number}")).text)
    assert found is not None
    foreign = {"sec-fetch-site": "cross-site"}
    told = {"form": found[1], "reason": "because"}
    assert (await http.post(f"/hl7/messages/{number}/close", data=told, headers=foreign)).status_code == 403


async def test_what_is_no_form_is_refused(hospital):
    http = await browser(hospital, "administrator")
    assert (await http.post("/hl7/replay", json={})).status_code == 415
    assert (await http.get("/hl7/messages?before=x")).status_code == 422
    assert (await http.get("/hl7/messages?since=x")).status_code == 422
    assert (await http.get("/hl7/messages/77")).status_code == 404


@pytest.fixture
def served(hospital_open: Operation) -> Iterator[str]:
    """The pages of an open server on a port of this machine."""
    config = uvicorn.Config(hospital_open, port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def hospital_open(data, hospital):
    from dataclasses import replace  # noqa: PLC0415 - only here

    settings = replace(SETTINGS, data=data, hl7_sites=str(data / "sites"), secret="s" * 32)
    app = create_app(settings, open_stores=open_memory)
    app.put_beside(Operation(app, settings, None, None, hospital.stores, NoQueues()))
    return app


async def test_a_browser_shows_them(hospital, served, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: 'make browser' gets one")
    await dead(hospital)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]
    options += ["--lang=en"]
    pages = {"/hl7/": "north/QUIET", "/hl7/messages/1": "Do nothing more with it", "/hl7/replay": "Count first"}
    for path, expected in pages.items():
        run = subprocess.run(  # noqa: ASYNC221 - a browser of this machine; nothing else goes on meanwhile
            [chromium, *options, "--dump-dom", served + path], capture_output=True, text=True, timeout=60, check=True
        )
        assert expected in run.stdout
