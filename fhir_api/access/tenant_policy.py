"""A tenant's roles and rules, as decisions ask for them.

Spec: https://hl7.org/fhir/R4/security.html#binding
"""

from __future__ import annotations

from fhir_api.access.caller import Caller
from fhir_api.access.policy import Rights, Verdict
from identity.access.policy.asked import Asked
from identity.access.policy.policies import Policies

_NOBODYS = ("Patient", "")


class TenantPolicy:
    """Roles and rules that the tenant's administrators keep."""

    def __init__(self, policies: Policies) -> None:
        """Decide by *policies*."""
        self._policies = policies

    @property
    def generation(self) -> int:
        """Another number whenever a role or rule has changed."""
        return self._policies.generation

    def rights(self, caller: Caller) -> Rights:
        """Return what the caller's roles give."""
        given = self._policies.given(caller.roles, caller.subject_type, caller.purpose)
        return Rights(
            given.permissions,
            given.labels,
            breaks_glass=given.breaks_glass,
            compartment=_own(caller) if given.own else None,
            administers=given.administers,
        )

    def permits(self, caller: Caller, interaction: str, resource_type: str) -> Verdict:
        """Return what rules by attributes say."""
        asked = Asked(
            caller.roles,
            interaction,
            resource_type,
            subject_type=caller.subject_type,
            purpose=caller.purpose,
            organisation=caller.organisation,
            facility=caller.facility,
            assurance=caller.assurance,
            emergency=caller.emergency is not None,
        )
        rule = self._policies.forbidding(asked)
        return Verdict(rule is None, rule or "")


def _own(caller: Caller) -> tuple[str, str]:
    """Return the compartment of the caller's own resource; one that nothing is in where there is no such resource.

    Who looks after a patient has that patient in context.
    """
    if caller.subject_type == "person" and caller.patient is not None:
        return "Patient", caller.patient
    centre, _, logical_id = (caller.fhir_user or "").partition("/")
    return (centre, logical_id) if logical_id else _NOBODYS
