"""Endpoints that programs call."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from identity.access.errors import InvalidTokenError
from identity.access.grants import device, metadata
from identity.access.grants.authorization_request import push
from identity.access.grants.introspection import introspect, revoke
from identity.access.grants.launching import launch_for
from identity.access.grants.registration import register
from identity.access.grants.server import Server
from identity.access.grants.token_endpoint import token
from identity.access.grants.userinfo import userinfo
from identity.access.web.requests import body, client_and_form, form, json_answer, one_header, preflight

_KEPT = 300
"""Seconds for which documents may be kept; keys are announced for longer before they sign."""
_FOR_BROWSERS = (
    "/token",
    "/par",
    "/revoke",
    "/userinfo",
    "/jwks",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/smart-configuration",
)
"""What apps that run in a browser call themselves."""


def endpoints(server: Server) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/token")
    async def token_endpoint(request: Request) -> Response:
        parameters = await form(request)
        authorization, proof = one_header(request, "authorization"), one_header(request, "dpop")
        return json_answer(await token(server, parameters, authorization=authorization, proof=proof))

    @router.post("/par")
    async def pushed_authorization_request(request: Request) -> Response:
        return json_answer(await push(server, *await client_and_form(server, request)), 201)

    @router.post("/introspect")
    async def introspection(request: Request) -> Response:
        return json_answer(await introspect(server, *await client_and_form(server, request)))

    @router.post("/revoke")
    async def revocation(request: Request) -> Response:
        await revoke(server, *await client_and_form(server, request))
        return json_answer({})

    @router.post("/device_authorization")
    async def device_authorization(request: Request) -> Response:
        return json_answer(await device.begin(server, *await client_and_form(server, request)))

    @router.post("/launch")
    async def launch_context(request: Request) -> Response:
        return json_answer(await launch_for(server, *await client_and_form(server, request)), 201)

    @router.post("/register")
    async def registration(request: Request) -> Response:
        return json_answer(await register(server, await body(request)), 201)

    @router.api_route("/userinfo", methods=["GET", "POST"])
    async def who(request: Request) -> Response:
        authorization, proof = one_header(request, "authorization"), one_header(request, "dpop")
        try:
            return json_answer(await userinfo(server, request.method, authorization, proof))
        except InvalidTokenError as error:
            answer = json_answer({"error": "invalid_token", "error_description": str(error)}, 401)
            answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return answer

    _documents(server, router)
    for path in _FOR_BROWSERS:
        router.add_api_route(path, preflight, methods=["OPTIONS"], response_model=None)
    return router


def _documents(server: Server, router: APIRouter) -> None:
    @router.get("/jwks")
    async def jwks() -> Response:
        return json_answer(server.keys.jwks(), max_age=_KEPT)

    @router.get("/.well-known/oauth-authorization-server")
    async def authorization_server() -> Response:
        return json_answer(metadata.authorization_server(server), max_age=_KEPT)

    @router.get("/.well-known/openid-configuration")
    async def openid_configuration() -> Response:
        return json_answer(metadata.openid_provider(server), max_age=_KEPT)

    @router.get("/.well-known/smart-configuration")
    async def smart_configuration() -> Response:
        return json_answer(metadata.smart_configuration(server), max_age=_KEPT)
