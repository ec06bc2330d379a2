"""Where a rule looks: one element, the resource it belongs to, and what is known besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from fhir_api.model.keys import ResourceKey
from fhir_api.model.outcome import Issue
from fhir_api.packages.library import Library
from fhir_api.terminology import Terminology
from fhir_api.validation.structure import StructureKey

if TYPE_CHECKING:
    from fhir_api.validation.rules.bundles.entries import Entries

Tree: TypeAlias = Mapping[str, Any]
"""An element or a resource as parsed JSON."""
Exists: TypeAlias = Callable[[ResourceKey], bool]
"""Tells whether a resource is stored here."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose.

    Attributes:
        refuses_html: tags in strings and Markdown are an error, not just told.
        requires_questionnaire: an answer to a questionnaire that is not known is an error, not just told.
        requires_extensions: an extension whose URL says that it is defined, and whose definition is not known, is an
            error, not a warning.
        missing_target: severity of a reference to what should be stored here and is not: ``error | warning``.
    """

    refuses_html: bool = False
    requires_questionnaire: bool = False
    requires_extensions: bool = True
    missing_target: str = "error"


class Scene(NamedTuple):
    """What all rules of one validation share.

    Attributes:
        library: definitions by canonical.
        terminology: answers questions about codes, from the same library.
        exists: tells whether a referenced resource is stored; None where that is not asked for.
        options: what the caller chose.
        hopeless_patterns: regular expressions of questionnaires that are wrong or took too long.
    """

    library: Library
    terminology: Terminology
    exists: Exists | None
    options: Options
    hopeless_patterns: set[str]


class EntryPlace(NamedTuple):
    """The entry of a Bundle that holds a resource.

    Attributes:
        entries: all entries of the Bundle.
        full_url: of this one; None where it has none.
    """

    entries: Entries
    full_url: str | None


@dataclass(slots=True)
class Owner:
    """A resource while its elements are visited.

    Attributes:
        scene: what all rules share.
        resource: the resource itself.
        container: the resource that contains it; itself where it is not contained.
        path: its place.
        entry: the entry of the nearest Bundle around it, if there is one.
        entries: its own entries, where it is a Bundle.
        element_ids: ids of the elements seen so far.
        anchors: what a link in its narratives may lead to; None until that is asked.
    """

    scene: Scene
    resource: Tree
    container: Tree
    path: str
    entry: EntryPlace | None = None
    entries: Entries | None = None
    element_ids: set[str] = field(default_factory=set)
    anchors: frozenset[str] | None = None

    def contained(self, local_id: str) -> Tree | None:
        """Return the contained resource with an id; for ``""`` the container."""
        if not local_id:
            return self.container
        return next((each for each in self.container.get("contained", ()) if each.get("id") == local_id), None)


@dataclass(slots=True)
class Place:
    """One element that a rule is asked about.

    Attributes:
        owner: the resource it belongs to.
        path: FHIRPath to it.
        key: its structure; of the element that has it, for a primitive.
        tree: the element; the one that has it, for a primitive.
        step: its name.
    """

    owner: Owner
    path: str
    key: StructureKey
    tree: Tree
    step: str

    @property
    def entries(self) -> Entries:
        """The entries of the Bundle that this is; asked of Bundles only."""
        if self.owner.entries is None:
            raise LookupError(f"{self.path} is no Bundle")
        return self.owner.entries

    @property
    def scene(self) -> Scene:
        """What all rules share."""
        return self.owner.scene

    def at(self, step: str) -> Place:
        """Return the place of something below."""
        return Place(self.owner, f"{self.path}.{step}", self.key, self.tree, step)

    def error(self, code: str, diagnostics: str, step: str | None = None) -> Issue:
        """Return an error here, or at a *step* below."""
        return self._issue("error", code, diagnostics, step)

    def warning(self, code: str, diagnostics: str, step: str | None = None) -> Issue:
        """Return a warning here, or at a *step* below."""
        return self._issue("warning", code, diagnostics, step)

    def of(self, severity: str, code: str, diagnostics: str) -> Issue:
        """Return an issue of a severity here."""
        return self._issue(severity, code, diagnostics, None)

    def information(self, code: str, diagnostics: str, step: str | None = None) -> Issue:
        """Return a remark here, or at a *step* below."""
        return self._issue("information", code, diagnostics, step)

    def _issue(self, severity: str, code: str, diagnostics: str, step: str | None) -> Issue:
        return Issue(severity, code, diagnostics, (self.path if step is None else f"{self.path}.{step}",))


class Rule(NamedTuple):
    """One rule.

    Attributes:
        name: a code for programs, the same in all versions: ``bundle-full-url``.
        check: yields what is wrong with the value at a place.
    """

    name: str
    check: Callable[[Any, Place], Iterator[Issue]]

    def issues(self, value: Any, place: Place) -> Iterator[Issue]:
        """Yield what is wrong, with the rule's name."""
        return (replace(issue, details=(self.name,)) for issue in self.check(value, place))


def items(tree: Tree, name: str, place: Place) -> Iterator[tuple[Tree, Place]]:
    """Yield each value of a repeating element with its place."""
    for index, each in enumerate(tree.get(name, ())):
        yield each, place.at(f"{name}[{index}]")
