"""``python -m conformance.profiles``: compile every package's source into the archive that is shipped."""

from __future__ import annotations

import sys

from conformance.profiles.compiler import compile_packages


def main() -> None:
    """Write the archives, and say what they hold."""
    for path, count in compile_packages():
        sys.stdout.write(f"{path.name}: {count} files\n")


if __name__ == "__main__":
    main()
