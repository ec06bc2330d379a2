"""HL7 v2 messages to FHIR, by rows.

``Plan.apply(message: Message, *, now: str | None = None) -> Mapped`` is the entry::

    plan = plan_of(sender)  # compiled once for each sender's rows; Plan(common(), "LAB1", zone) without a site
    mapped = plan.apply(Message.parse(raw))
    mapped.bundle  # a transaction Bundle; fhir_api.model.exact_json.written(mapped.bundle) gives its bytes
    mapped.issues  # MappingIssue(severity, place, text), never with a patient's value
    mapped.ledger  # Ledger(mapped, ignored, unmapped): what became of each leaf of the message
    mapped.unmapped_codes  # {UnmappedCode(sender, table, code): count}
    mapped.plan_id  # SHA-256 of all that the plan was made of
    mapped.structure  # the rows that mapped it: "ADT_A01"; empty where none do

Entries are conditional updates or creates by identifier (``PUT Patient?identifier=…``, ``POST`` with ``ifNoneExist``),
or updates by id where the type has no identifier; ``fullUrl`` is the same whenever the message comes.
"""

from adapters.hl7.mapping.ledger import Ledger
from adapters.hl7.mapping.plan import Mapped, MappingIssue, Plan
from adapters.hl7.mapping.run import UnmappedCode

__all__ = ["Ledger", "Mapped", "MappingIssue", "Plan", "UnmappedCode"]
