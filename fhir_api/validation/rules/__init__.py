"""What definitions leave to the text: rules on Bundles, references, questionnaires, narratives and formats.

Each module has the rules of one concept; ``table`` says which types they are asked of, ``walk`` asks them.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.packages.library import Library
from fhir_api.terminology import Terminology
from fhir_api.validation.rules.place import Exists, Options, Scene, Tree
from fhir_api.validation.rules.table import ON_WRITE
from fhir_api.validation.rules.walk import of_resource, walk

__all__ = ["ON_WRITE", "Exists", "Options", "issues", "refusals"]

_USUAL: Final = Options()


def issues(
    tree: Tree,
    *,
    library: Library,
    terminology: Terminology,
    exists: Exists | None = None,
    options: Options = _USUAL,
) -> Iterator[Issue]:
    """Yield what is wrong, or doubtful, with a resource whose structure is sound.

    Args:
        tree: the resource with all it holds.
        library: definitions by canonical: questionnaires, profiles, code systems.
        terminology: answers questions about codes, from the same library.
        exists: tells whether a resource is stored here; None leaves the targets of references out.
        options: what a caller may choose.

    Raises:
        NotAtHandError: a definition has to be fetched first.
    """
    return walk(tree, Scene(library, terminology, exists, options, set()))


def refusals(tree: Tree, *, library: Library, terminology: Terminology) -> tuple[Issue, ...]:
    """Return why a resource of a type in ``ON_WRITE`` is refused; nothing if it may be stored.

    Raises:
        NotAtHandError: a definition has to be fetched first; never with the core library.
    """
    scene = Scene(library, terminology, None, _USUAL, set())
    found = of_resource(tree, scene, ON_WRITE[tree["resourceType"]])
    return tuple(issue for issue in found if issue.severity == "error")
