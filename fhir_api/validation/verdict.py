"""The quick verdict: is a resource sound or not, without saying why."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from conformance.types import Element
from fhir_api.fhirpath import Environment, typed_only
from fhir_api.terminology import Terminology
from fhir_api.validation.bindings import CODED_TEXTS, keeps_required
from fhir_api.validation.containment import unreferenced
from fhir_api.validation.invariants import Holds, Invariant, holding, invariants, invariants_of_value, rest_for_shape
from fhir_api.validation.memory import Memory
from fhir_api.validation.primitives import Format, Json
from fhir_api.validation.references import CONDITIONAL, FRAGMENT, RESOURCE_TYPES, shown_type
from fhir_api.validation.shapes import (
    Check,
    Plan,
    Probe,
    Shape,
    ShapeMemory,
    Shapes,
    Step,
    asking,
    belonging_to,
    calling,
    shaped,
)
from fhir_api.validation.structure import (
    CodedFormat,
    Content,
    LiteralReference,
    Property,
    Slot,
    Structure,
    StructureKey,
    is_left_to_terminology,
    structure,
)
from fhir_api.validation.whole import rules_over


class UnsoundError(Exception):
    """The names of an element's members, or of a resource, break a rule."""


NOT_SOUND = (UnsoundError, TypeError, AttributeError, KeyError)
"""What a check may raise for a value that is not sound; the last three come from JSON of another kind than expected."""


class _Deferred(threading.local):
    """What depends on the resource around it, of the resource being judged.

    Attributes:
        fragments: references to contained resources.
        has_conditional: whether there was a conditional reference.
        waiting: invariants that ask for the resource, with the element they are asked of.
        container: the resource being judged that is not contained.
    """

    def __init__(self) -> None:
        self.fragments: list[str] = []
        self.has_conditional = False
        self.waiting: list[tuple[Holds, Json]] = []
        self.container: Json = None


class Verdict:
    """Judges resources; remembers shapes and values, so keep one for long.

    Without invariants only the structure counts; without a terminology, of the required codes only those that the
    structure lists.
    """

    def __init__(
        self,
        shape_memory: ShapeMemory | None = None,
        *,
        with_invariants: bool = True,
        terminology: Terminology | None = None,
    ) -> None:
        self._terminology = terminology
        self._with_invariants = with_invariants
        self._shape_memory = shape_memory or ShapeMemory()
        self._shapes: dict[StructureKey, Shapes] = {}
        self._resources: dict[str, Shapes] = {}
        self._memories: dict[str, Memory] = {}
        self._shown_types = Memory(shown_type)
        self._deferred = _Deferred()

    def is_sound(self, tree: Json, *, in_bundle: bool) -> bool:
        """Tell whether *tree* is a sound resource.

        Args:
            tree: parsed JSON.
            in_bundle: whether conditional references are allowed although *tree* is no Bundle.
        """
        deferred = self._deferred
        deferred.fragments.clear()
        deferred.has_conditional = False
        deferred.waiting.clear()
        try:
            sound = self._resource(tree)
            return sound and (not deferred.has_conditional or in_bundle or tree["resourceType"] == "Bundle")
        except NOT_SOUND:
            return False

    def _resource(self, tree: Json) -> bool:
        """Judge a resource that is not contained; fragments in it point at what it contains."""
        deferred = self._deferred
        fragments, waiting = deferred.fragments, deferred.waiting
        outer, outer_waiting, container = len(fragments), len(waiting), deferred.container
        deferred.container = tree
        resource_type = tree["resourceType"]
        shapes = self._resources.get(resource_type)
        if shapes is None:
            shapes = self._resources[resource_type] = self._shapes_of(StructureKey(_known(resource_type)))
        if not shapes.judge(tree):
            return False
        if "contained" in tree or len(fragments) > outer:
            if not self._is_connected(tree, fragments[outer:]):
                return False
            del fragments[outer:]
        sound = len(waiting) == outer_waiting or self._keeps_waiting(tree, tree, outer_waiting)
        deferred.container = container
        return sound

    def _is_connected(self, tree: Json, fragments: list[str]) -> bool:
        """Tell whether fragments point at contained resources (ref-1), and something at each of these (dom-3)."""
        ids = {f"#{resource['id']}" for resource in tree.get("contained", ())}
        if not (ids | {"#"}).issuperset(fragments):
            return False
        return not self._with_invariants or ids.issubset(fragments) or next(unreferenced(tree), None) is None

    def _contained(self, tree: Json) -> Json:
        deferred = self._deferred
        outer_waiting = len(deferred.waiting)
        shapes = self._shapes_of(StructureKey(_known(tree["resourceType"]), is_contained=True))
        if not shapes.judge(tree):
            return False
        waiting = len(deferred.waiting) > outer_waiting
        return not waiting or self._keeps_waiting(tree, deferred.container, outer_waiting)

    def _keeps_waiting(self, resource: Json, container: Json, since: int) -> bool:
        """Tell whether invariants that waited for their resource are kept."""
        waiting = self._deferred.waiting
        environment = Environment(resource=resource, root_resource=container, resolver=typed_only)
        kept = all(holds(element, environment) for holds, element in waiting[since:])
        del waiting[since:]
        return kept

    def _shapes_of(self, key: StructureKey) -> Shapes:
        shapes = self._shapes.get(key)
        if shapes is None:
            rules = structure(key)
            shapes = self._shapes[key] = self._shape_memory.shapes(lambda shape: self._plan(rules, shape))
        return shapes

    def _plan(self, rules: Structure, shape: Shape) -> Plan:
        if any(rules.problems(shape)):
            raise UnsoundError
        steps = [self._step(rules.properties[name], shape) for name in shape]
        whole = [*(rule.holds for rule in rules_over(rules, shape)), *self._invariants(rules.key.node, shape)]
        return Plan(steps, whole)

    def _invariants(self, node: str, shape: Shape) -> Iterator[Check]:
        """Yield what is left of the invariants of a node for elements of one shape."""
        for invariant in invariants(node) if self._with_invariants else ():
            if invariant.severity == "error":
                rest = rest_for_shape(invariant, shape)
                if rest is not None:
                    yield self._in_time(invariant, rest)

    def _in_time(self, invariant: Invariant, holds: Holds) -> Check:
        """Return the check that evaluates an invariant, later if it asks for the resource."""
        if not invariant.asks_resource:
            return holds
        deferred = self._deferred

        def wait(element: Json) -> bool:
            deferred.waiting.append((holds, element))
            return True

        return wait

    def _step(self, each: Property, shape: Shape) -> Step:
        probe = self._probe(each.content)
        if each.element is not None:
            type_code = each.element.json_names()[each.name].code
            probe = self._constrained(self._coded(probe, each.element, type_code), each.element, type_code)
        if not each.repeats:
            return Step(probe)
        return Step(probe, (max(each.min, 1), each.max), each.companion in shape)

    def _coded(self, probe: Probe, element: Element, type_code: str) -> Probe:
        """Return the probe that asks the terminology for required codes that the structure does not list."""
        binding, terminology = element.binding, self._terminology
        if terminology is None or binding is None or not is_left_to_terminology(binding, type_code):
            return probe
        check = probe.check

        def is_coded(value: Json) -> bool:
            return check(value) and keeps_required(terminology, binding, value, type_code)

        return asking(Memory(is_coded)) if type_code in CODED_TEXTS else calling(is_coded)

    def _constrained(self, probe: Probe, element: Element, type_code: str) -> Probe:
        """Return the probe that asks also for the invariants of the element's own definition."""
        if not element.constraints or not self._with_invariants:
            return probe
        own = [each for each in invariants_of_value(element.constraints, type_code) if each.severity == "error"]
        checks = [probe.check, *(self._in_time(each, holding(each.expression)) for each in own)]
        return calling(lambda value: all(check(value) for check in checks)) if own else probe

    def _probe(self, content: Content) -> Probe:
        match content:
            case Format():
                return self._format(content)
            case CodedFormat(codes):
                return belonging_to(codes)
            case LiteralReference(targets):
                return self._literal(targets)
            case StructureKey():
                return shaped(self._shapes_of(content))
            case Slot.ANY:
                return calling(self._resource)
            case Slot.CONTAINED:
                return calling(self._contained)

    def _format(self, content: Format) -> Probe:
        if not content.recurs:
            return calling(content.accepts)
        if content.name not in self._memories:
            self._memories[content.name] = Memory(content.accepts)
        return asking(self._memories[content.name])

    def _literal(self, targets: frozenset[str]) -> Probe:
        shown_types, deferred = self._shown_types, self._deferred
        settled = frozenset(shown for shown in targets if shown[:1] != CONDITIONAL)

        def deferring(value: Json) -> bool:
            shown = shown_types.ask(value)
            if shown in settled:
                return True
            if shown == FRAGMENT:
                deferred.fragments.append(value)
                return True
            deferred.has_conditional = True
            return shown in targets

        return Probe(deferring, "{0}({value}) in {1} or {2}({value})", (shown_types.known.get, settled, deferring))


def _known(resource_type: str) -> str:
    if resource_type not in RESOURCE_TYPES:
        raise UnsoundError
    return resource_type
