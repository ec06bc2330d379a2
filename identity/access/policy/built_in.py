"""The roles that every tenant has; a tenant may put its own in place of one by keeping it under the same name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from conformance.types import resource_types
from identity.access.scopes.resource_scope import ANY_TYPE, Context, ResourceScope


def _types(names: str) -> frozenset[str]:
    return frozenset(names.split())


_AUDIT = _types("AuditEvent")
_DIRECTORY = _types(
    """CareTeam Device DeviceDefinition Endpoint HealthcareService Location Organization OrganizationAffiliation
    Practitioner PractitionerRole"""
)
_DEFINITIONS = _types(
    """ActivityDefinition CapabilityStatement ChargeItemDefinition CodeSystem CompartmentDefinition ConceptMap
    EventDefinition ExampleScenario GraphDefinition ImplementationGuide InsurancePlan Library Measure MessageDefinition
    NamingSystem ObservationDefinition OperationDefinition PlanDefinition Questionnaire ResearchDefinition
    ResearchElementDefinition SearchParameter SpecimenDefinition StructureDefinition StructureMap
    TerminologyCapabilities TestReport TestScript ValueSet"""
)
_REGISTRATION = _types(
    """Account Appointment AppointmentResponse Consent Coverage Encounter EpisodeOfCare Group Patient Person
    RelatedPerson Schedule Slot"""
)
_FINANCE = _types(
    """Account ChargeItem Claim ClaimResponse Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse
    EnrollmentRequest EnrollmentResponse ExplanationOfBenefit Invoice PaymentNotice PaymentReconciliation"""
)
_LABORATORY = _types("DiagnosticReport DocumentReference Media Observation Specimen Task")
_ORDERS = _types(
    """CarePlan DeviceRequest MedicationRequest NutritionOrder RequestGroup ServiceRequest SupplyRequest
    VisionPrescription"""
)
_SHARED = _DIRECTORY | _DEFINITIONS
_READ, _KEEP, _EVERYTHING = "rs", "crus", "cruds"
_ALL = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A role that is there from the start.

    Attributes:
        description: for people.
        scopes: what may be reached.
        purposes: codes of purposes of use for which it may be; empty for any.
        labels: codes of security labels whose resources may be reached; ``*`` stands for all.
        breaks_glass: whether consents and labels may be passed over in an emergency.
        administers: whether what runs the store may be used: rebuilding its index, packages.
        own: whether only the compartment of the person's own resource may be reached.
    """

    description: str
    scopes: frozenset[ResourceScope]
    purposes: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    breaks_glass: bool = False
    administers: bool = False
    own: bool = False


def _may(types: Iterable[str], letters: str, context: Context = Context.USER) -> frozenset[ResourceScope]:
    return frozenset(ResourceScope(context, each, letters) for each in types)


_EVERY = frozenset(resource_types()) - _AUDIT
_CLINICAL = _EVERY - _SHARED - _REGISTRATION - _FINANCE

BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "administrator": BuiltIn(
            "Looks after people, apps, the directory and definitions; sees no patients.",
            _may(_SHARED, _EVERYTHING),
            administers=True,
        ),
        "clinician": BuiltIn(
            "Treats patients: reads everything but the audit trail, writes clinical records.",
            _may(_EVERY, _READ) | _may(_CLINICAL | _REGISTRATION, _EVERYTHING),
            breaks_glass=True,
        ),
        "nurse": BuiltIn(
            "Cares for patients: reads everything but the audit trail, writes clinical records, orders nothing.",
            _may(_EVERY, _READ) | _may((_CLINICAL | {"Encounter"}) - _ORDERS, _KEEP),
            breaks_glass=True,
        ),
        "registrar": BuiltIn(
            "Registers patients, visits and appointments; sees no clinical records.",
            _may(_SHARED, _READ) | _may(_REGISTRATION, _KEEP),
        ),
        "laboratory": BuiltIn(
            "Answers orders with results.",
            _may(_SHARED | {"Patient", "Encounter", "ServiceRequest"}, _READ) | _may(_LABORATORY, _KEEP),
        ),
        "analyst": BuiltIn(
            "Reads for reports, research and public health, and says for which of them.",
            _may(_EVERY - {"Person", "RelatedPerson"}, _READ),
            frozenset({"HOPERAT", "HRESCH", "PUBHLTH", "HQUALIMP"}),
        ),
        "integrator": BuiltIn(
            "Looks after HL7 v2 interfaces: sees messages with all they say, answers questions, corrects, replays.",
            _may(_SHARED, _READ) | _may({"Task"}, _KEEP),
        ),
        "auditor": BuiltIn(
            "Reads who saw and changed what.",
            _may(_AUDIT | _DIRECTORY | {"Provenance"}, _READ),
        ),
        "patient": BuiltIn(
            "Reads their own record.",
            _may([ANY_TYPE], _READ),
            labels=_ALL,
            own=True,
        ),
        "system": BuiltIn(
            "A system: what its registration allows.",
            _may([ANY_TYPE], _EVERYTHING, Context.SYSTEM),
        ),
        "owner": BuiltIn(
            "Whoever holds the data folder: everything.",
            _may([ANY_TYPE], _EVERYTHING, Context.SYSTEM),
            labels=_ALL,
            administers=True,
        ),
    }
)
