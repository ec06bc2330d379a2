"""Pages as HTML, with the headers that keep them safe.

Spec: https://www.w3.org/TR/CSP3/ and https://datatracker.ietf.org/doc/html/rfc9700#section-4.16
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from identity.access.scopes.resource_scope import ANY_TYPE, Context, ResourceScope
from identity.access.scopes.scope_set import (
    ADMINISTRATION,
    FHIR_USER,
    INTERFACES,
    OFFLINE_ACCESS,
    OPENID,
    PROFILE,
    ScopeSet,
)
from identity.access.web.texts import LANGUAGES, texts_for

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0;color:#111;background:#f4f6f7}"
    "main{max-width:32rem;margin:2rem auto;padding:1.5rem 2rem;background:#fff;border:1px solid #767676}"
    "label{display:block;margin-top:1rem}fieldset{margin:1rem 0}"
    "input:not([type=radio]){width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #555}"
    "button{font:inherit;margin:1.25rem 1rem 0 0;padding:.6rem 1.4rem;border:1px solid #0b4f6c;background:#0b4f6c;"
    "color:#fff}button[value=deny]{background:#fff;color:#0b4f6c}"
    ":focus-visible{outline:3px solid #b35900;outline-offset:2px}"
    "[role=alert]{border-left:.3rem solid #a40000;padding-left:.8rem}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)
# The style stands in the page as it is; its hash is what the browser is told to accept.
_TEMPLATES.globals["style"] = _STYLE
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(
    request: Request, template: str, *, status: int = 200, redirect_uri: str | None = None, **values: Any
) -> HTMLResponse:
    """Return a page in the language the browser asks for.

    Args:
        request: what is answered.
        template: name of the template.
        status: of HTTP.
        redirect_uri: where a form of the page may lead in the end; browsers hold redirects against ``form-action``.
        **values: what the template shows.
    """
    texts = _texts(request)
    html = _TEMPLATES.get_template(template).render(t=texts, **values)
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; script-src {_script(values)}; "
        f"form-action 'self'{_source(redirect_uri)}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(html, status, {**HEADERS, "Content-Security-Policy": policy, "Vary": "Accept-Language"})


def _texts(request: Request) -> Mapping[str, str]:
    return texts_for(request.headers.get("accept-language", ""), preferred=request.scope.get(LANGUAGES, ()))


def _script(values: Mapping[str, Any]) -> str:
    """Return what scripts a page may run: our own where it has passkeys, else none."""
    return "'self'" if values.get("passkey") else "'none'"


def message(request: Request, title: str, text: str, detail: str = "", status: int = 200) -> HTMLResponse:
    """Return a page that only tells something; *title* and *text* are names of texts."""
    texts = _texts(request)
    return page(request, "message.html", status=status, title=texts[title], text=texts[text], detail=detail)


def host_of(redirect_uri: str) -> str:
    """Return the host that answers go to, for people to see; empty where there is none."""
    return urlsplit(redirect_uri).netloc


def described(request: Request, scope: ScopeSet) -> list[str]:
    """Return what *scope* allows, in words, each part once."""
    texts = _texts(request)
    lines = [_line(each, texts) for each in sorted(scope.resources, key=str)]
    if scope.named & {OPENID, FHIR_USER, PROFILE}:
        lines.append(texts["who"])
    if scope.named & ADMINISTRATION:
        lines.append(texts["manage"])
    if scope.named & INTERFACES:
        lines.append(texts["interfaces"])
    if OFFLINE_ACCESS in scope.named:
        lines.append(texts["offline"])
    return list(dict.fromkeys(lines))


def _line(scope: ResourceScope, texts: Mapping[str, str]) -> str:
    letters = set(scope.interactions)
    verbs = [texts[name] for name, meant in (("read", "rs"), ("change", "cud")) if letters & set(meant)]
    kind = texts["all_types"] if scope.resource_type == ANY_TYPE else scope.resource_type
    whose = texts["patient" if scope.context == Context.PATIENT else "user"]
    limits = ", ".join(sorted(f"{each.name} = {', '.join(sorted(each.values))}" for each in scope.constraints))
    return f"{kind}: {', '.join(verbs)} ({whose})" + (f"; {texts['only']} {limits}" if limits else "")


def _source(redirect_uri: str | None) -> str:
    if redirect_uri is None:
        return ""
    parts = urlsplit(redirect_uri)
    return f" {parts.scheme}://{parts.netloc}" if parts.netloc else f" {parts.scheme}:"
