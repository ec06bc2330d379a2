"""What is told about people, apps and the rest: everything but secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from identity.access.policy.built_in import BuiltIn
from identity.access.scopes.scope_set import ScopeSet
from identity.access.store.records import Client, Family, Role, User

SubjectType = Literal["person", "practitioner"]
Most = Annotated[int, Ge(1), Le(1000)]
"""How many at once."""
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=200)]
"""An id or name that somebody asks for."""


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_texts_that_can_be_kept(cls, told: Any) -> Any:
        """Refuse what no database keeps, wherever it stands: NUL, and halves of characters (surrogates)."""
        if not _can_be_kept(told):
            raise ValueError("a text has a character that cannot be kept")
        return told


def _can_be_kept(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, Mapping):
        return all(_can_be_kept(each) for each in (*value, *value.values()))
    return not isinstance(value, list | tuple) or all(map(_can_be_kept, value))


class Person(_Shown):
    """What is known about somebody who may sign in, and may be set."""

    login_name: str = Field(min_length=1, max_length=200, description="What the person types.")
    name: str = Field("", max_length=200, description="What the person is called on pages.")
    fhir_user: str = Field("", max_length=200, description="The person's resource, such as `Practitioner/1`.")
    patient: str | None = Field(
        None, max_length=64, description="Logical id of the person's own Patient; by default that of `fhir_user`."
    )
    subject_type: SubjectType = Field("practitioner", description="By default `person` where `fhir_user` is a patient.")
    scope: str | None = Field(None, description="The most that may be granted in the person's name.")
    roles: list[str] = Field(default_factory=list, description="Names of roles.")
    organisation: str | None = Field(None, max_length=64, description="Id of the organisation.")
    facility: str | None = Field(None, max_length=64, description="FOSA id.")


class PersonChange(_Shown):
    """What changes; what is left out stays."""

    name: str | None = Field(None, max_length=200)
    fhir_user: str | None = Field(None, max_length=200)
    patient: str | None = Field(None, max_length=64)
    subject_type: SubjectType | None = None
    scope: str | None = None
    roles: list[str] | None = None
    organisation: str | None = Field(None, max_length=64)
    facility: str | None = Field(None, max_length=64)
    is_active: bool | None = Field(None, description="Whether the person may sign in.")


class KnownPerson(Person):
    """Somebody who may sign in."""

    user_id: str
    is_active: bool
    has_second_factor: bool
    must_change_password: bool

    @classmethod
    def of(cls, user: User) -> KnownPerson:
        """Return what is told about *user*."""
        return cls(
            **{name: getattr(user, name) for name in Person.model_fields if name != "roles"},
            roles=list(user.roles),
            user_id=user.user_id,
            is_active=user.is_active,
            has_second_factor=user.totp_secret is not None,
            must_change_password=user.must_change_password,
        )


class OneTime(_Shown):
    """A password that is good for one sign-in, which asks for another; it is told this once."""

    user_id: str
    login_name: str
    one_time_password: str


class Link(_Shown):
    """A link by which the person chooses a password; good once, for a day."""

    user_id: str
    url: str


class App(_Shown):
    """What is known about an application, and may be set."""

    name: str = Field(min_length=1, max_length=200, description="What people are shown.")
    authentication: Literal["none", "client_secret_basic", "private_key_jwt"] = Field(
        "none", description="How it proves who it is."
    )
    grant_types: list[str] = Field(
        default_factory=lambda: ["authorization_code", "refresh_token"], description="Ways to get a token."
    )
    scope: str = Field(description="The most it may be granted.")
    redirect_uris: list[str] = Field(default_factory=list, description="Where answers may be sent.")
    post_logout_redirect_uris: list[str] = Field(
        default_factory=list, description="Where browsers may be sent after a logout that it started."
    )
    jwks: dict[str, object] | None = Field(None, description="Its public keys (`private_key_jwt`).")
    dpop_bound: bool = Field(False, description="Whether its tokens are always bound to a key (DPoP).")
    subject_type: Literal["system", "device"] = "system"
    organisation: str | None = Field(None, max_length=64, description="Id of the organisation it works for.")
    audiences: list[str] = Field(default_factory=list, description="Further resource servers for token exchange.")
    may_introspect: bool = Field(False, description="Whether it may ask about tokens of others.")
    may_launch: bool = Field(False, description="Whether it may make launch contexts, as an EHR does.")


LISTS: Final = ("redirect_uris", "post_logout_redirect_uris", "audiences")
"""What of an application is a list here and a tuple in its record."""


class AppChange(_Shown):
    """What changes; what is left out stays."""

    name: str | None = Field(None, min_length=1, max_length=200)
    grant_types: list[str] | None = None
    scope: str | None = None
    redirect_uris: list[str] | None = None
    post_logout_redirect_uris: list[str] | None = None
    jwks: dict[str, object] | None = None
    dpop_bound: bool | None = None
    organisation: str | None = Field(None, max_length=64)
    audiences: list[str] | None = None
    may_introspect: bool | None = None
    may_launch: bool | None = None
    is_active: bool | None = Field(None, description="Whether it may do anything at all.")


class KnownApp(App):
    """An application; its secret is told once, when it is made."""

    client_id: str
    is_active: bool
    client_secret: str | None = None

    @classmethod
    def of(cls, client: Client, secret: str | None = None) -> KnownApp:
        """Return what is told about *client*."""
        told: dict[str, Any] = {name: getattr(client, name) for name in App.model_fields}
        told |= {name: list(told[name]) for name in LISTS}
        told["grant_types"] = sorted(client.grant_types)
        return cls(client_id=client.client_id, is_active=client.is_active, client_secret=secret, **told)


class RoleText(_Shown):
    """What people or systems of one kind may do."""

    scope: str = Field(description="What may be reached, in the notation of scopes: `user/Observation.rs`.")
    purposes: list[str] = Field(default_factory=list, description="Purposes of use for which it may be; none for any.")
    labels: list[str] = Field(default_factory=list, description="Security labels that may be passed; `*` for all.")
    breaks_glass: bool = Field(False, description="Whether consents and labels may be passed over in an emergency.")
    administers: bool = Field(False, description="Whether what runs the store may be used.")
    own: bool = Field(False, description="Whether only the person's own compartment may be reached.")
    description: str = Field("", max_length=500)


class KnownRole(RoleText):
    """A role."""

    name: str
    is_built_in: bool

    @classmethod
    def of(cls, name: str, role: BuiltIn, *, is_built_in: bool) -> KnownRole:
        """Return what is told about a role."""
        return cls(
            name=name,
            scope=str(ScopeSet(resources=role.scopes)),
            purposes=sorted(role.purposes),
            labels=sorted(role.labels),
            breaks_glass=role.breaks_glass,
            administers=role.administers,
            own=role.own,
            description=role.description,
            is_built_in=is_built_in,
        )

    @classmethod
    def record(cls, name: str, text: RoleText) -> Role:
        """Return what is kept of a role."""
        told = text.model_dump() | {"purposes": tuple(text.purposes), "labels": tuple(text.labels)}
        return Role(name=name, **told)


class RuleText(_Shown):
    """A rule by attributes, in the language Cedar; it only forbids."""

    text: str = Field(max_length=20_000, description="One or several `forbid` policies.")
    description: str = Field("", max_length=500)


class KnownRule(RuleText):
    """A rule."""

    name: str


class KnownGrant(_Shown):
    """What a person has allowed an application, for as long as it goes on."""

    grant_id: str
    client_id: str
    user_id: str
    expires_at: int = Field(description="Seconds since 1970.")

    @classmethod
    def of(cls, family: Family) -> KnownGrant:
        """Return what is told about a grant."""
        return cls(
            grant_id=family.grant_id,
            client_id=family.client_id,
            user_id=family.user_id,
            expires_at=family.expires_at,
        )
