"""Pages as HTML without scripts, with the headers that keep them safe.

Spec: https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/WCAG22/
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.hl7.operation.texts import TEXTS
from identity.access.web.cookies import browser_cookie, session_cookie, set_browser
from identity.access.web.pages import HEADERS
from identity.access.web.texts import texts_for

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0;color:#111;background:#f4f6f7}"
    "main,header{max-width:72rem;margin:1rem auto;padding:1rem 2rem;background:#fff;border:1px solid #767676}"
    "nav ul{display:flex;flex-wrap:wrap;gap:1.25rem;list-style:none;margin:0;padding:0}"
    "a{color:#0b4f6c}a[aria-current]{font-weight:700;color:#111}"
    ".skip{position:absolute;left:-99rem}.skip:focus{position:static}"
    "table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:700;padding:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid #bbb}"
    "td{overflow-wrap:break-word}main{overflow-x:auto}table.leaves th{width:12rem}"
    "label{display:block;margin-top:.8rem}"
    "input:not([type=checkbox]),select,textarea{font:inherit;padding:.4rem;border:1px solid #555;max-width:100%;"
    "box-sizing:border-box}textarea{width:100%;font-family:monospace}"
    "form.row{display:flex;flex-wrap:wrap;gap:0 1.25rem;align-items:end}"
    "button{font:inherit;margin:.8rem 1rem 0 0;padding:.5rem 1.2rem;border:1px solid #0b4f6c;background:#0b4f6c;"
    "color:#fff}pre{overflow-x:auto;background:#f4f6f7;padding:.8rem;white-space:pre-wrap;overflow-wrap:anywhere}"
    ":focus-visible{outline:3px solid #b35900;outline-offset:2px}"
    "[role=alert]{border-left:.3rem solid #a40000;padding-left:.8rem}"
    "[role=status]{border-left:.3rem solid #1c6b2a;padding-left:.8rem}"
    "strong.bad{color:#a40000}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# The style stands in the page as it is; its hash is what the browser is told to accept.
_TEMPLATES.globals["style"] = _STYLE
_TEMPLATES.filters["time"] = _time


def texts_of(request: Request) -> Mapping[str, str]:
    """Return the texts in the language the browser asks for."""
    return texts_for(request.headers.get("accept-language", ""), TEXTS)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    Args:
        request: what is answered.
        template: name of the template.
        status: of HTTP.
        **values: what the template shows.
    """
    operator = getattr(request.state, "operator", None)
    shown = {"base": request.scope.get("root_path", ""), "name": "" if operator is None else operator.name}
    html = _TEMPLATES.get_template(template).render(t=texts_of(request), here=template, **shown, **values)
    headers = {**HEADERS, "Content-Security-Policy": _POLICY, "Vary": "Accept-Language"}
    answered = HTMLResponse(html, status, headers)
    if operator is not None and operator.secret and session_cookie(request) is None and browser_cookie(request) is None:
        set_browser(answered, operator.secret)
    return answered
