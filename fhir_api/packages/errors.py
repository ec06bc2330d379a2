"""What can be wrong with a package."""

from __future__ import annotations

from stanforis.errors import OperatorError


class PackageError(OperatorError):
    """A package cannot be read or added; the text names the package, and the file inside it."""
