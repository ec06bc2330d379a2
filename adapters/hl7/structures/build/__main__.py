"""The command line of the build: ``python -m adapters.hl7.structures.build``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from adapters.hl7.structures.build.compiler import compile_all
from adapters.hl7.structures.library import DATA


def main() -> None:
    """Compile hl7apy's modules into the data folder and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m adapters.hl7.structures.build", description=__doc__)
    parser.add_argument("--to", type=Path, default=DATA, help="folder to write to")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name, content in compile_all().items():
        (options.to / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content):,} bytes\n")


if __name__ == "__main__":
    main()
