"""The quick verdict: is a resource sound or not, without saying why."""

from __future__ import annotations

import threading

from fhir_api.validation.memory import Memory
from fhir_api.validation.primitives import Format, Json
from fhir_api.validation.references import CONDITIONAL, FRAGMENT, RESOURCE_TYPES, shown_type
from fhir_api.validation.shapes import (
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
    structure,
)
from fhir_api.validation.whole import rules_over


class UnsoundError(Exception):
    """The names of an element's members, or of a resource, break a rule."""


NOT_SOUND = (UnsoundError, TypeError, AttributeError, KeyError)
"""What a check may raise for a value that is not sound; the last three come from JSON of another kind than expected."""


class _Deferred(threading.local):
    """References whose soundness depends on where they stand, of the resource being judged."""

    def __init__(self) -> None:
        self.fragments: list[str] = []
        self.has_conditional = False


class Verdict:
    """Judges resources; remembers shapes and values, so keep one for long."""

    def __init__(self, shape_memory: ShapeMemory | None = None) -> None:
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
        try:
            sound = self._resource(tree)
            return sound and (not deferred.has_conditional or in_bundle or tree["resourceType"] == "Bundle")
        except NOT_SOUND:
            return False

    def _resource(self, tree: Json) -> bool:
        """Judge a resource that is not contained; fragments in it point at what it contains."""
        fragments = self._deferred.fragments
        outer = len(fragments)
        resource_type = tree["resourceType"]
        shapes = self._resources.get(resource_type)
        if shapes is None:
            shapes = self._resources[resource_type] = self._shapes_of(StructureKey(_known(resource_type)))
        if not shapes.judge(tree):
            return False
        if len(fragments) > outer:
            ids = {"#", *(f"#{resource['id']}" for resource in tree.get("contained", ()))}
            if not ids.issuperset(fragments[outer:]):
                return False
            del fragments[outer:]
        return True

    def _contained(self, tree: Json) -> Json:
        shapes = self._shapes_of(StructureKey(_known(tree["resourceType"]), is_contained=True))
        return shapes.judge(tree)

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
        return Plan(steps, [rule.holds for rule in rules_over(rules, shape)])

    def _step(self, each: Property, shape: Shape) -> Step:
        probe = self._probe(each.content)
        if not each.repeats:
            return Step(probe)
        return Step(probe, (max(each.min, 1), each.max), each.companion in shape)

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
