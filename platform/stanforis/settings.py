"""Every setting of the suite: its name, meaning, unit and default.

A setting ``page_size`` is read from the environment variable ``STANFORIS_PAGE_SIZE``; command-line options win over it.
Settings are read once, at the start, and handed down; nothing else reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stanforis.errors import OperatorError

PREFIX = "STANFORIS_"
_MEBIBYTE = 1024 * 1024
_Value = TypeVar("_Value")


class SettingError(OperatorError):
    """A setting cannot be used; the text names it, what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is known about a setting beside its value.

    Attributes:
        doc: its meaning, one sentence.
        unit: what a number counts; empty where there is none.
        read: turns the variable's text into the value.
        expected: what *read* accepts, for people.
    """

    doc: str
    unit: str
    read: Callable[[str], Any]
    expected: str


def _setting(default: _Value, doc: str, unit: str, read: Callable[[str], _Value], expected: str) -> _Value:
    made: _Value = field(default=default, metadata={"described": Described(doc, unit, read, expected)})
    return made


def _number(default: int, low: int, high: int, unit: str, doc: str) -> int:
    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError
        return number

    return _setting(default, doc, unit, read, f"a whole number from {low} to {high}")


def _text(default: str, doc: str, expected: str = "text") -> str:
    return _setting(default, doc, "", str, expected)


def _choice(default: str, choices: tuple[str, ...], doc: str) -> str:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return _setting(default, doc, "", read, "one of " + ", ".join(choices))


def _switch(*, default: bool, doc: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}

    def read(text: str) -> bool:
        try:
            return words[text.lower()]
        except KeyError:
            raise ValueError from None

    return _setting(default, doc, "", read, "true or false")


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError from None
    return text


def _default_data() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/stanforis")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "stanforis"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one installation."""

    data: Path = field(
        default_factory=_default_data,
        metadata={"described": Described("Folder of everything this installation stores.", "", Path, "a path")},
    )
    host: str = _text(
        "127.0.0.1", "Address to listen on; others than loopback only with TLS, or behind a proxy that speaks it."
    )
    port: int = _number(8080, 0, 65535, "", "TCP port to listen on; 0 takes a free one.")
    workers: int = _number(0, 0, 256, "processes", "API processes; 0 starts one for each processor core.")
    base_url: str = _text("", "FHIR base as clients see it; by default `http://HOST:PORT/fhir`.", "a URL")
    trusted_proxies: str = _text(
        "",
        "Addresses and networks of proxies that speak TLS with clients in front of this server, separated by commas: "
        "what they say of a client's address and scheme is believed.",
        "addresses",
    )
    tls_certificate: str = _text(
        "",
        "File with the server's certificate and those that vouch for it (PEM); with it the server speaks TLS 1.3 "
        "itself. A file that changes is read again, and no connection ends.",
        "a path",
    )
    tls_key: str = _text("", "File with the certificate's key (PEM); by default in the certificate's file.", "a path")
    head_timeout: int = _number(
        15, 1, 600, "seconds", "How long a client may take for the head of a request, from the connection's first byte."
    )
    body_timeout: int = _number(
        30, 1, 3600, "seconds", "How long a client may keep silent in the midst of a request's body."
    )
    cors_origins: str = _text(
        "",
        "Origins of web applications that may call from a browser, separated by commas: `https://app.example.org` for "
        "every tenant, `clinic@https://app.example.org` for the one of that name.",
        "origins",
    )
    address_limit: int = _number(
        30_000, 0, 10**9, "requests a minute", "What one address may ask in all, loopback apart; 0 for no limit."
    )
    sign_in_limit: int = _number(
        120,
        0,
        10**9,
        "requests a minute",
        "What one address may ask of where people sign in and clients get tokens, loopback apart; 0 for no limit.",
    )
    client_limit: int = _number(
        0, 0, 10**9, "requests a minute", "What one client may ask of one tenant; 0 for no limit."
    )
    outbound_networks: str = _text(
        "",
        "Networks beside the public internet that the server itself may send requests to, separated by commas: a "
        "site's own, such as `10.1.0.0/16`.",
        "networks",
    )
    metrics_networks: str = _text(
        "",
        "Networks beside this machine whose addresses may read `/metrics`, separated by commas; without access control "
        "everybody may.",
        "networks",
    )
    drain_time: int = _number(20, 0, 3600, "seconds", "How long requests in flight may take once a stop was asked for.")

    database_url: str = _text(
        "", "Outside PostgreSQL 15 or newer, as the role that owns the tables; empty starts the embedded one.", "a URL"
    )
    database_app_url: str = _text(
        "",
        "The same database as the role the server works as, which neither owns tables nor bypasses row-level security; "
        "by default the owner's connection takes the role `stanforis_app`.",
        "a URL",
    )
    database_sessions_shared: bool = _switch(
        default=False,
        doc="A pooler such as PgBouncer in transaction mode stands in front of the database, so that what is signed "
        "for one session cannot name its database process; it is then good for a few seconds only.",
    )
    database_pool_size: int = _number(8, 1, 1000, "connections", "Most database connections of one API process.")
    database_wait: int = _number(
        5, 1, 600, "seconds", "How long a request waits for a database connection before it is answered with 503."
    )
    statement_timeout: int = _number(
        30, 1, 3600, "seconds", "How long one database statement may run before the request is answered with 503."
    )

    search_timeout: int = _number(
        4, 1, 3600, "seconds", "How long a search may take before it is answered with 503 and `too-costly`."
    )
    conditional_timeout: int = _number(
        4, 1, 3600, "seconds", "How long the criteria of a conditional interaction may take, likewise."
    )
    history_timeout: int = _number(4, 1, 3600, "seconds", "How long a page of a history may take, likewise.")
    operation_timeout: int = _number(
        20, 1, 3600, "seconds", "How long each search inside an operation, such as `$everything`, may take, likewise."
    )
    search_cost: int = _number(
        20_000_000,
        0,
        10**15,
        "planner's units",
        "What one statement of a search may cost by the database's own estimate; 0 for anything.",
    )
    operation_cost: int = _number(
        100_000_000, 0, 10**15, "planner's units", "The same for searches inside operations; 0 for anything."
    )
    costly_connections: int = _number(
        2, 1, 1000, "connections", "How many connections of one API process costly searches may hold at once."
    )
    slow_search: int = _number(
        1000,
        0,
        3_600_000,
        "milliseconds",
        "Searches that take longer are logged by type and parameter names; 0 for none.",
    )
    explain_searches: bool = _switch(
        default=False, doc="Answer `_explain=true` in a search with its SQL and plan: for operators, not for clients."
    )

    time_zone: str = _setting(
        "UTC", "Zone of dates and times that name none, when they are searched.", "", _zone, "an IANA zone"
    )
    full_text_search: bool = _switch(
        default=True,
        doc="Index the words of each resource, so that `_content` and `_text` can be searched; a change needs "
        "`stanforis db reindex`.",
    )
    page_size: int = _number(50, 1, 10_000, "resources", "Matches on a page when the client does not say (`_count`).")
    page_size_max: int = _number(1000, 1, 10_000, "resources", "Most matches on a page, whatever the client asks for.")
    body_limit: int = _number(
        64 * _MEBIBYTE, 1024, 4096 * _MEBIBYTE, "bytes", "Largest request body, also once it is unpacked."
    )
    url_limit: int = _number(8192, 256, 65536, "bytes", "Longest request URL.")
    page_lifetime: int = _number(86_400, 60, 2_592_000, "seconds", "How long links to further pages are good.")
    conditional_delete_limit: int = _number(
        1000, 1, 100_000, "resources", "Most resources that one conditional delete removes."
    )
    validation_on_write: str = _choice(
        "base",
        ("base", "structure", "none"),
        "What is asked of each resource that is written: `base` is structure, required codes and the invariants of R4, "
        "`structure` leaves the invariants out; `none` only for a bulk load you trust.",
    )
    validation_profiles: str = _choice(
        "warn",
        ("off", "warn", "enforce"),
        "What is done about the profiles that a resource declares in `meta.profile`: nothing, tell what does not fit, "
        "or refuse it. A tenant may have a policy of its own (`stanforis tenant set`).",
    )
    validate_references: str = _choice(
        "off",
        ("off", "warn", "error"),
        "What `$validate` makes of references to resources that are not stored here: nothing, a warning, or an error.",
    )
    validate_extensions: str = _choice(
        "error",
        ("warn", "error"),
        "What `$validate` makes of an extension whose URL is that of a StructureDefinition which is not known here.",
    )
    secret: str = _text(
        "",
        "Key that signs page cursors, the same on every host (32 characters or more); by default in the data folder.",
    )

    encryption: str = _choice(
        "off",
        ("off", "tenant"),
        "What bodies of resources are sealed with in the database: nothing, or a key of the tenant, which is itself "
        "wrapped with the key of `STANFORIS_KEY_FILE`. Who loses that file loses the resources.",
    )
    key_file: str = _text(
        "",
        "File with the key that wraps the tenants' keys, the same on every host; by default in the data folder.",
        "a path",
    )
    audit: str = _choice(
        "on",
        ("on", "strict", "off"),
        "The audit trail: `on` stores what a write did together with it, and what only read within a second; `strict` "
        "answers nobody before his access is on disk; `off` records nothing, for measurements only.",
    )

    hl7_port: int = _number(
        -1, -1, 65535, "", "TCP port for HL7 v2 messages over MLLP; 0 takes a free one, -1 listens nowhere."
    )
    hl7_processes: int = _number(1, 1, 64, "processes", "Processes that take HL7 v2 messages and make them FHIR.")
    hl7_host: str = _text("127.0.0.1", "Address for HL7 v2 messages; others than loopback only with TLS.")
    hl7_sites: str = _text("", "Folder of the sites that send HL7 v2 messages; empty takes the example.", "a path")
    hl7_keep_days: int = _number(
        0, 0, 36_500, "days",
        "How long HL7 v2 messages are kept once they are mapped or closed, 8 days at least; 0 keeps them for ever. "
        "A sender's `keep_days` goes before it.",
    )  # fmt: skip
    hl7_certificate: str = _text("", "PEM file of the listener's certificate and its chain; empty: no TLS.", "a path")
    hl7_key: str = _text("", "PEM file of the key of that certificate.", "a path")
    hl7_client_authorities: str = _text(
        "", "PEM file of who may sign the certificates that senders show; empty asks for none.", "a path"
    )

    log_level: str = _choice("info", ("debug", "info", "warning", "error"), "Least severe log line that is written.")
    log_format: str = _choice(
        "auto", ("auto", "json", "text"), "Log lines; `auto` is text at a terminal, JSON elsewhere."
    )
    log_requests: bool = _switch(default=True, doc="Write a line for each request (route, status, time; never an id).")
    tracing_endpoint: str = _text(
        "", "OpenTelemetry collector (OTLP over HTTP); empty turns traces off. Needs the extra `tracing`.", "a URL"
    )

    def __post_init__(self) -> None:
        """Check what concerns several settings.

        Raises:
            SettingError: two settings do not fit together.
        """
        if self.page_size > self.page_size_max:
            raise SettingError(
                f"{PREFIX}PAGE_SIZE is {self.page_size}, above {PREFIX}PAGE_SIZE_MAX ({self.page_size_max})."
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: object) -> Self:
        """Return the settings of *environment* (this process's by default); those *given* and not None win.

        Raises:
            SettingError: a variable has a value that cannot be used, or starts with the prefix and names no setting.
        """
        environment = os.environ if environment is None else environment
        known = {variable(name): (name, described) for name, described in described_settings().items()}
        values: dict[str, Any] = {}
        for key, text in environment.items():
            if not key.startswith(PREFIX):
                continue
            if key not in known:
                raise SettingError(f"{key} is no setting; see docs/settings.md for those there are.")
            name, described = known[key]
            values[name] = _read(key, text, described)
        return cls(**values | {name: value for name, value in given.items() if value is not None})


def variable(name: str) -> str:
    """Return the environment variable of the setting *name*."""
    return PREFIX + name.upper()


def described_settings() -> dict[str, Described]:
    """Return what is known about each setting, by its name, in the order of the documentation."""
    return {each.name: each.metadata["described"] for each in fields(Settings)}


def _read(key: str, text: str, described: Described) -> object:
    try:
        return described.read(text.strip())
    except ValueError:
        # The value itself is not shown: a database URL may hold a password.
        raise SettingError(f"{key} has a value that cannot be used; expected is {described.expected}.") from None
