"""Frames: taken out of a stream that may be cut anywhere, and put around an answer.

Spec: MLLP Release 2, 2.1 (message format): ``<0x0B> content <0x1C><0x0D>``.
"""

from __future__ import annotations

from typing import NamedTuple

START_BLOCK = b"\x0b"
END_BLOCK = b"\x1c\r"
COMMIT_ACK = b"\x06"
COMMIT_NAK = b"\x15"
"""Contents of the frames by which MLLP Release 2 says that a message is, or is not, in safe storage."""
_BARE_END = b"\x1c\x0b"
"""An end whose carriage return was forgotten, and the start of the next frame."""
_RESTART = b"\x0bMSH"
_HEAD = 4096


class Oversized(NamedTuple):
    """A frame that is longer than allowed; it is read to its end and dropped.

    Attributes:
        head: its first bytes, enough to answer it.
    """

    head: bytes


def framed(content: bytes) -> bytes:
    """Return *content* as a frame."""
    return b"%b%b%b" % (START_BLOCK, content, END_BLOCK)


class FrameReader:
    """Takes frames out of the bytes of one connection.

    Bytes between frames are skipped. A frame that begins again before it ended was cut off by its sender: what came
    before is dropped, as it was never acknowledged.
    """

    def __init__(self, most_bytes: int) -> None:
        """Read frames of at most *most_bytes* bytes."""
        self._most = most_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._oversized: bytes | None = None

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._oversized is not None or bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """Return what *data* completes, in order."""
        self._buffer += data
        found: list[bytes | Oversized] = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self) -> bytes | Oversized | None:
        if self._oversized is None and not self._begin():
            return None
        buffer = self._buffer
        end, length = self._end()
        if end < 0:
            self._searched = max(len(buffer) - 1, 0)
            if self._oversized is None and len(buffer) > self._most + 1:
                self._oversized = bytes(buffer[1 : 1 + _HEAD])
            if self._oversized is not None:
                # the last byte may be the first half of the end
                del buffer[:-1]
                self._searched = 0
            return None
        content = bytes(buffer[1:end]) if self._oversized is None else b""
        del buffer[: end + length]
        self._searched = 0
        head, self._oversized = self._oversized, None
        if head is None and len(content) > self._most:
            head = content[:_HEAD]
        return Oversized(head) if head is not None else _after_restart(content)

    def _begin(self) -> bool:
        """Skip what stands before the start block; False when there is none."""
        buffer = self._buffer
        if buffer[:1] == START_BLOCK:
            return True
        start = buffer.find(START_BLOCK)
        del buffer[: start if start >= 0 else len(buffer)]
        self._searched = 0
        return start >= 0

    def _end(self) -> tuple[int, int]:
        """Return where the frame ends, and how many bytes end it; -1 when it does not end yet."""
        end = self._buffer.find(END_BLOCK, self._searched)
        bare = self._buffer.find(_BARE_END, self._searched, end if end >= 0 else len(self._buffer))
        return (bare, 1) if bare >= 0 else (end, len(END_BLOCK))


def _after_restart(content: bytes) -> bytes:
    _, restart, rest = content.rpartition(_RESTART)
    return b"MSH" + rest if restart else content
