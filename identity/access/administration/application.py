"""The interface of administration on HTTP, with its OpenAPI document at ``openapi.json``."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Depends, FastAPI
from stanforis.transport.refusals import tell_refusals

from identity.access.administration.apps import Apps
from identity.access.administration.callers import allowed
from identity.access.administration.errors import AdministrationError, TakenError, UnknownError
from identity.access.administration.people import People
from identity.access.administration.roles import Roles
from identity.access.errors import UnavailableError
from identity.access.grants.server import Server
from identity.access.grants.showing import Verifies

_STATUSES: Mapping[type[Exception], int] = {UnknownError: 404, TakenError: 409, AdministrationError: 422}


def create_application(server: Server, verifies: Verifies) -> FastAPI:
    """Return the application.

    Args:
        server: the authorization server of the tenant that is looked after.
        verifies: verifies access tokens.
    """
    application = FastAPI(title="Stanforis administration", version="1", docs_url=None, redoc_url=None)
    guarded = [Depends(allowed(server, verifies))]
    for router in (_people(People(server)), _apps(Apps(server)), _roles(Roles(server))):
        application.include_router(router, dependencies=guarded)

    tell_refusals(application, _STATUSES, [UnavailableError])
    return application


def _people(people: People) -> APIRouter:
    router = APIRouter(prefix="/users", tags=["people"])
    router.add_api_route("", people.every, methods=["GET"], summary="People, by id")
    router.add_api_route("", people.add, methods=["POST"], status_code=201, summary="Add somebody")
    router.add_api_route("/{name}", people.one, methods=["GET"], summary="One person, by id or login name")
    router.add_api_route("/{name}", people.change, methods=["PATCH"], summary="Change or lock somebody")
    router.add_api_route("/{name}/password", people.reset_password, methods=["POST"], summary="A one-time password")
    router.add_api_route("/{name}/link", people.link, methods=["POST"], summary="A link to choose a password")
    for path, does, summary in (
        ("second-factor", people.forget_second_factor, "Forget authenticator and passkeys"),
        ("sessions", people.end_sessions, "End sessions, grants and tokens"),
        ("failures", people.let_try_again, "Forget failed attempts to sign in"),
    ):
        router.add_api_route(f"/{{name}}/{path}", does, methods=["DELETE"], summary=summary)
    return router


def _apps(apps: Apps) -> APIRouter:
    router = APIRouter(tags=["apps"])
    router.add_api_route("/clients", apps.every, methods=["GET"], summary="Applications, by id")
    router.add_api_route("/clients", apps.add, methods=["POST"], status_code=201, summary="Register an application")
    router.add_api_route("/clients/{client_id}", apps.one, methods=["GET"], summary="One application")
    router.add_api_route("/clients/{client_id}", apps.change, methods=["PATCH"], summary="Change an application")
    router.add_api_route("/clients/{client_id}/secret", apps.new_secret, methods=["POST"], summary="A new secret")
    router.add_api_route("/grants", apps.grants, methods=["GET"], summary="Living grants")
    router.add_api_route(
        "/grants/{grant_id}", apps.end_grant, methods=["DELETE"], status_code=204, summary="End a grant"
    )
    return router


def _roles(roles: Roles) -> APIRouter:
    router = APIRouter(tags=["roles"])
    router.add_api_route("/roles", roles.every, methods=["GET"], summary="Roles, by name")
    router.add_api_route("/roles/{name}", roles.keep, methods=["PUT"], summary="Keep a role")
    router.add_api_route("/roles/{name}", roles.drop, methods=["DELETE"], status_code=204, summary="Take a role away")
    router.add_api_route("/rules", roles.rules, methods=["GET"], summary="Rules, by name")
    router.add_api_route("/rules/{name}", roles.keep_rule, methods=["PUT"], summary="Keep a rule")
    router.add_api_route(
        "/rules/{name}", roles.drop_rule, methods=["DELETE"], status_code=204, summary="Take a rule away"
    )
    return router
