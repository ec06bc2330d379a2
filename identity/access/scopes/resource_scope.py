"""Scopes for resources, of SMART v2 (``patient/Observation.rs?category=laboratory``) and v1 (``user/*.read``).

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from conformance.types import resource_types
from identity.access.errors import OAuthError, Refusal

ANY_TYPE = "*"


class Context(StrEnum):
    """Whose resources a scope speaks of."""

    PATIENT = "patient"
    """Those of the one patient in context."""
    USER = "user"
    """Those the person may see anyway."""
    SYSTEM = "system"
    """Those the client may see by itself."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A search parameter that a resource has to match.

    Attributes:
        name: the parameter, with its modifier if it has one.
        values: alternatives of which one has to match, in the notation of search.
    """

    name: str
    values: frozenset[str]

    def is_within(self, wider: Constraint) -> bool:
        """Tell whether everything that matches this one matches *wider*."""
        return self.name == wider.name and self.values <= wider.values


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """One scope for resources.

    Attributes:
        context: whose resources.
        resource_type: which, or ``*``.
        interactions: letters out of ``cruds``, in that order.
        constraints: all of them have to hold.
    """

    context: Context
    resource_type: str
    interactions: str
    constraints: frozenset[Constraint] = frozenset()

    def covers(self, other: ResourceScope) -> bool:
        """Tell whether this scope allows all that *other* allows."""
        return (
            self.context == other.context
            and self.resource_type in (ANY_TYPE, other.resource_type)
            and set(other.interactions) <= set(self.interactions)
            and _hold(self.constraints, other.constraints)
        )

    def shared_with(self, other: ResourceScope) -> ResourceScope | None:
        """Return what both allow, or None when nothing."""
        interactions = "".join(letter for letter in self.interactions if letter in other.interactions)
        types = {self.resource_type, other.resource_type} - {ANY_TYPE}
        if self.context != other.context or not interactions or len(types) > 1:
            return None
        shared_type = types.pop() if types else ANY_TYPE
        if _hold(self.constraints, other.constraints):
            constraints = other.constraints
        elif _hold(other.constraints, self.constraints):
            constraints = self.constraints
        else:
            constraints = self.constraints | other.constraints
        return ResourceScope(self.context, shared_type, interactions, constraints)

    def __str__(self) -> str:
        """Return the scope in the notation of v2, always the same for the same scope."""
        pairs = [
            f"{each.name}={','.join(quote(value, safe=_SAFE) for value in sorted(each.values))}"
            for each in sorted(self.constraints, key=lambda each: (each.name, sorted(each.values)))
        ]
        query = "?" + "&".join(pairs) if pairs else ""
        return f"{self.context.value}/{self.resource_type}.{self.interactions}{query}"


def _hold(wider: frozenset[Constraint], narrower: frozenset[Constraint]) -> bool:
    """Tell whether what *narrower* lets through is let through by *wider*."""
    return all(any(each.is_within(constraint) for each in narrower) for constraint in wider)


_SCOPE = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]{1,63})"
    r"\.(?:(?P<v1>read|write|\*)|(?P<v2>c?r?u?d?s?))(?:\?(?P<query>[!#-\[\]-~]+))?"
)
_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9-]{0,63}(?::[a-z-]{2,20}|:[A-Z][A-Za-z]{1,40})?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_SAFE = ":/|._~-"
_MOST_CONSTRAINTS = 10
_MOST_VALUES = 50
# No criteria on the resource itself: they change what is shown, or would reach into other resources.
_NO_CRITERIA = (
    "_sort",
    "_count",
    "_include",
    "_revinclude",
    "_summary",
    "_elements",
    "_contained",
    "_total",
    "_format",
)


def read_resource_scope(text: str) -> ResourceScope | None:
    """Return the scope in *text*; None when it is no scope for resources at all.

    Raises:
        OAuthError: it is one, but names a type, interaction or constraint that cannot be (invalid_scope).
    """
    if not text.startswith(tuple(f"{context.value}/" for context in Context)):
        return None
    parts = _SCOPE.fullmatch(text)
    if parts is None or not (parts["v1"] or parts["v2"]):
        raise _refused("a scope for resources looks like patient/Observation.rs?category=laboratory")
    resource_type = parts["type"]
    if resource_type != ANY_TYPE and resource_type not in resource_types():
        raise _refused("a scope names a resource type that R4 does not have")
    if parts["v1"] and parts["query"]:
        raise _refused("only scopes with letters out of 'cruds' take search parameters")
    constraints = _constraints(parts["query"] or "", any_type=resource_type == ANY_TYPE)
    return ResourceScope(
        Context(parts["context"]), resource_type, _VERSION_1.get(parts["v1"], parts["v2"]), constraints
    )


def _constraints(query: str, *, any_type: bool) -> frozenset[Constraint]:
    pairs = query.split("&") if query else []
    if len(pairs) > _MOST_CONSTRAINTS:
        raise _refused(f"a scope has at most {_MOST_CONSTRAINTS} search parameters")
    return frozenset(_constraint(pair, any_type=any_type) for pair in pairs)


def _constraint(pair: str, *, any_type: bool) -> Constraint:
    name, equals, text = pair.partition("=")
    values = frozenset(unquote(each, errors="strict") for each in text.split(",")) if _decodable(text) else frozenset()
    if not equals or not _NAME.fullmatch(name) or "" in values or not 0 < len(values) <= _MOST_VALUES:
        raise _refused("a search parameter of a scope looks like name=value or name:modifier=value")
    if name.partition(":")[0] in _NO_CRITERIA:
        raise _refused("a search parameter of a scope tells which resources match, nothing else")
    if any_type and not name.startswith("_"):
        raise _refused("a scope for all types takes parameters that all types have, such as _security")
    return Constraint(name, values)


def _decodable(text: str) -> bool:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return decoded.isprintable()


def _refused(description: str) -> OAuthError:
    return OAuthError(Refusal.INVALID_SCOPE, description)
