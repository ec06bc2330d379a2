"""The files to load: found, opened whatever their compression, and cut into requests."""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path

from stanforis.cli.loading.bundles import NdjsonGroup, Shipment, of_json_file
from stanforis.errors import OperatorError

_COMPRESSED = (".gz", ".bz2")
_JSON, _NDJSON = (".json",), (".ndjson", ".jsonl")
_CONDITIONAL_REFERENCE = re.compile(rb'"reference"\s*:\s*"[A-Z][A-Za-z]+\?')
_GROUP_LINES = 500
_GROUP_BYTES = 2 * 1024 * 1024


class SourceError(OperatorError):
    """A path cannot be loaded."""


def found(paths: Iterable[Path]) -> list[Path]:
    """Return the files that *paths* name, folders walked, in a stable order.

    Raises:
        SourceError: a path does not exist, or names a file that is neither JSON nor NDJSON.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(each for each in path.rglob("*") if each.is_file() and _kind(each))
        elif not path.is_file():
            raise SourceError(f"{path} does not exist.")
        elif not _kind(path):
            raise SourceError(f"{path} is neither .json nor .ndjson (each may end in .gz or .bz2 as well).")
        else:
            files.append(path)
    return files


def shipments(files: Sequence[Path], *, keep_ids: bool) -> Iterator[tuple[Path, bool, Iterator[Shipment]]]:
    """Yield each file, whether it has to wait for those before it, and the requests it makes.

    Whole files that refer to others by criteria come last and wait: such references
    (``Practitioner?identifier=...``) find their target only when it is there.
    """
    waiting = []
    for path in files:
        if _kind(path) in _NDJSON:
            yield path, False, _of_ndjson(path)
            continue
        text = _read(path)
        if text is not None and _CONDITIONAL_REFERENCE.search(text):
            waiting.append(path)
        else:
            yield path, False, of_json_file(path, text, keep_ids=keep_ids)
    for number, path in enumerate(waiting):
        yield path, number == 0, of_json_file(path, _read(path), keep_ids=keep_ids)


def _kind(path: Path) -> str:
    """Return ``.json``, ``.ndjson`` or ``.jsonl``; empty for anything else."""
    suffix = path.with_suffix("").suffix if path.suffix in _COMPRESSED else path.suffix
    return suffix if suffix in (*_JSON, *_NDJSON) else ""


def _open(path: Path) -> BufferedIOBase:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case _:
            return path.open("rb")


def _read(path: Path) -> bytes | None:
    """Return the file's text; None when its compression is broken."""
    try:
        with _open(path) as file:
            return file.read()
    except (OSError, EOFError):
        return None


def _of_ndjson(path: Path) -> Iterator[Shipment]:
    group = NdjsonGroup(path)
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                refused = group.add(number, line)
                if refused is not None:
                    yield refused
                if len(group) >= _GROUP_LINES or group.size >= _GROUP_BYTES:
                    yield group.taken()
    except (OSError, EOFError):
        yield Shipment.unreadable(path, "the compressed file is broken")
    if len(group):
        yield group.taken()
