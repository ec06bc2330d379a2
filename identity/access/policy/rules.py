"""Rules by attributes, in the language Cedar: they forbid what roles would allow, and never allow anything.

Spec: https://docs.cedarpolicy.com/policies/syntax-policy.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stanforis.errors import OperatorError

from identity.access.policy.asked import Asked
from identity.access.scopes.permissions import LETTERS
from identity.access.store.records import Rule

if TYPE_CHECKING:
    from cedarpy import PolicySet

_SCHEMA = """
entity Subject = {
    kind: String, roles: Set<String>, organisation?: String, facility?: String, assurance: Long
};
entity ResourceType;
action ACTIONS appliesTo {
    principal: Subject, resource: ResourceType, context: {purpose?: String, emergency: Bool}
};
""".replace("ACTIONS", ", ".join(f'"{each}"' for each in LETTERS))
# Cedar allows nothing by itself; what roles allow is decided before it is asked.
_BASE = "permit (principal, action, resource);"
LONGEST = 20_000
"""Characters of the longest rule."""
MOST_SIGNS = 200
"""Operators and brackets of a rule. Cedar's parser goes as deep as they do, and too deep ends the process."""
_SIGN = re.compile(r"[-+*/%.&|<>=!:([{]|\b(?:if|in|is|has|like)\b")


class RuleError(OperatorError):
    """A text is no rule; the message says why."""


class Rules:
    """The rules of a tenant, parsed once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Parse *rules*.

        Raises:
            RuleError: one of them is no rule.
        """
        texts = {rule.name: rule.text for rule in rules}
        self._each = {name: _one(text) for name, text in texts.items()}
        self._together = _parsed("\n".join(texts.values())) if texts else None

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return self._together is not None

    def forbidding(self, asked: Asked) -> str | None:
        """Return the name of the first rule that forbids what is asked; None where none does.

        A rule that cannot be evaluated forbids: it may be the one that protects.
        """
        if self._together is None:
            return None
        request, entities = _request(asked), [_subject(asked)]
        if not _forbids(self._together, request, entities):
            return None
        # Only who is refused waits for the name.
        return next((name for name, policies in self._each.items() if _forbids(policies, request, entities)), "")


def _forbids(policies: PolicySet, request: dict[str, Any], entities: list[dict[str, Any]]) -> bool:
    from cedarpy import Decision, is_authorized  # noqa: PLC0415 - only where there are rules

    result = is_authorized(request, policies, entities)
    return result.decision != Decision.Allow or bool(result.diagnostics.errors)


def check_rule(text: str) -> None:
    """Check that *text* is a rule: Cedar that only forbids, by attributes that there are.

    Raises:
        RuleError: it is not; the message says why.
    """
    from cedarpy import validate_policies  # noqa: PLC0415 - only where rules are written

    _one(text)
    result = validate_policies(text, _SCHEMA)
    if not result.validation_passed:
        raise RuleError("; ".join(str(getattr(each, "error", each)) for each in result.errors))


def _one(text: str) -> PolicySet:
    """Return one rule, parsed; nothing too long or too deep gets to the parser."""
    if len(text) > LONGEST:
        raise RuleError(f"a rule has {LONGEST:,} characters at most")
    if len(_SIGN.findall(text)) > MOST_SIGNS:
        raise RuleError(f"a rule has {MOST_SIGNS} operators and brackets at most; make several of it")
    return _parsed(text)


def _parsed(text: str) -> PolicySet:
    from cedarpy import PolicySet  # noqa: PLC0415 - only where there are rules

    try:
        own = PolicySet.from_str(text)
        is_forbidding = all(each.effect == "forbid" for each in own.to_pst().static_policies.values())
    except ValueError as error:
        raise RuleError(f"this is no Cedar: {error}") from None
    if not len(own) or own.templates() or not is_forbidding:
        raise RuleError("a rule is one or several policies that forbid; what is allowed is for roles to say")
    return own.with_added_str(_BASE)


def _request(asked: Asked) -> dict[str, Any]:
    context: dict[str, Any] = {"emergency": asked.emergency}
    if asked.purpose is not None:
        context["purpose"] = asked.purpose
    return {
        "principal": {"type": "Subject", "id": "caller"},
        "action": {"type": "Action", "id": asked.interaction},
        "resource": {"type": "ResourceType", "id": asked.resource_type},
        "context": context,
    }


def _subject(asked: Asked) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "kind": asked.subject_type,
        "roles": list(asked.roles),
        "assurance": asked.assurance,
    }
    for name in ("organisation", "facility"):
        if (value := getattr(asked, name)) is not None:
            attributes[name] = value
    return {"uid": {"type": "Subject", "id": "caller"}, "attrs": attributes, "parents": []}
