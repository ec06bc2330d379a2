"""What comes next in an authorization request: signing in, a patient, consent, or the answer.

Spec: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest and
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#requesting-context-with-scopes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from identity.access.errors import OAuthError, Refusal
from identity.access.grants.authorization_code import Agreement, hand_out
from identity.access.grants.authorization_request import AuthorizationRequest, finish
from identity.access.grants.launching import LaunchContext, context_of, use_up
from identity.access.grants.server import Server
from identity.access.people.patients import PatientPicker
from identity.access.people.sessions import Session
from identity.access.scopes.resource_scope import Context
from identity.access.scopes.scope_set import LAUNCH_ENCOUNTER, LAUNCH_PATIENT, ScopeSet, read_scopes
from identity.access.store.records import User


class Step(StrEnum):
    """What a person is asked next."""

    LOGIN = "login"
    PATIENT = "patient"
    CONSENT = "consent"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an authorization request stands for somebody who is signed in.

    Attributes:
        step: what comes next.
        scope: what can be granted.
        patient: logical id of the patient in context, if one is known.
        launch: the launch context, empty where no EHR launched the app.
    """

    step: Step
    scope: ScopeSet
    patient: str | None
    launch: LaunchContext


async def standing(
    server: Server, picker: PatientPicker, request: AuthorizationRequest, session: Session, user: User
) -> Standing:
    """Return where *request* stands.

    Raises:
        OAuthError: it cannot be granted to this person; the client is to be told.
    """
    scope = read_scopes(request.scope).narrowed_to(read_scopes(user.scope))
    launch = LaunchContext()
    if request.launch is not None:
        launch = await context_of(server, request.launch, request.client_id)
        if launch.user_id not in (None, user.user_id):
            raise OAuthError(Refusal.ACCESS_DENIED, "somebody else launched the app")
    if not scope:
        raise OAuthError(Refusal.ACCESS_DENIED, "the person may allow nothing of this")
    if LAUNCH_ENCOUNTER in scope.named and launch.encounter is None:
        raise OAuthError(Refusal.INVALID_SCOPE, "an encounter is known only where an EHR launches the app")
    patient = await _patient(picker, request, launch, user)
    return Standing(await _step(server, request, session, user, scope, patient), scope, patient, launch)


async def answer(
    server: Server, handle: str, request: AuthorizationRequest, session: Session, user: User, where: Standing
) -> str:
    """Use the request up and return the URL that takes the code to the client.

    Raises:
        OAuthError: it was answered before.
    """
    await finish(server, handle)
    if request.launch is not None:
        await use_up(server, request.launch)
    agreement = Agreement(
        scope=str(where.scope),
        auth_time=int(session.auth_time),
        methods=session.methods,
        patient=where.patient,
        encounter=where.launch.encounter,
        launch=where.launch.told,
    )
    return request.answer(server.issuer, code=await hand_out(server, request, user, agreement))


def has_to_sign_in(request: AuthorizationRequest, session: Session | None, now: float) -> bool:
    """Tell whether the person has to sign in (again)."""
    if session is None:
        return True
    is_old = request.max_age is not None and now - session.auth_time > request.max_age
    is_wanted = "login" in request.prompt and session.auth_time < request.asked_at
    # With max_age=0 every session that began before the request is too old, and none that began for it.
    return is_wanted or (is_old and session.auth_time < request.asked_at)


async def _patient(
    picker: PatientPicker, request: AuthorizationRequest, launch: LaunchContext, user: User
) -> str | None:
    if launch.patient is not None:
        return launch.patient
    if request.patient is None or request.patient == user.patient:
        return user.patient
    # Asked again at the end: the choice may have been made by somebody else in this browser.
    choice = await picker.get(user, request.patient)
    return user.patient if choice is None else choice.logical_id


async def _step(
    server: Server, request: AuthorizationRequest, session: Session, user: User, scope: ScopeSet, patient: str | None
) -> Step:
    if has_to_sign_in(request, session, server.clock()):
        return Step.LOGIN
    needs_patient = LAUNCH_PATIENT in scope.named or Context.PATIENT in scope.contexts
    if needs_patient and patient is None:
        return Step.PATIENT
    allowed = read_scopes(await server.store.consent(user.user_id, request.client_id))
    # RFC 8252 section 8.6: whoever owns a loopback port or a private scheme today need not be who asked before.
    is_anybody = not request.redirect_uri.startswith("https://")
    if is_anybody or "consent" in request.prompt or not allowed.covers(scope):
        return Step.CONSENT
    return Step.ANSWER
