"""The lines of a text file, compressed or not, of bounded length, and the events that they tell."""

from __future__ import annotations

import errno
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from service.application.bulk.file import WHOLE, EventFileUnfit, FileRow, batched, reading
from service.state.history.faults import RowFault

MAX_LINE = 16 * 1024 * 1024
"""Characters: more than the largest row that may be kept, whatever its form."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Lines:
    """Reads UTF-8. A byte that is none becomes half of a surrogate pair, so that the cell which has it can be named."""

    def __init__(self, stored: BinaryIO, text: TextIO, size: int) -> None:
        self._stored = stored
        self._text = text
        self.size = size

    @property
    def done(self) -> int:
        """Bytes of the file, as it is stored."""
        return self._stored.tell()

    def __iter__(self) -> Iterator[str]:
        """Raises: OSError, EOFError, zlib.error."""
        while line := self._text.readline(MAX_LINE):
            if len(line) == MAX_LINE:
                raise OSError(errno.EFBIG, f"a line of {MAX_LINE:,} characters or more")
            yield line


@contextmanager
def lines_of(file: Path) -> Iterator[Lines]:
    """Raises: EventFileUnfit."""
    with ExitStack() as opened:
        with reading(file.name, lambda: 0):
            stored = opened.enter_context(file.open("rb"))
            is_packed = file.suffix.lower() == ".gz"
            plain = opened.enter_context(gzip.GzipFile(fileobj=stored)) if is_packed else stored
            begin = plain.peek(2)[:2]
        if begin in _UTF16:
            raise EventFileUnfit(RowFault(file=file.name, row=0, column=WHOLE, code="NOT_UTF8", expected="not UTF-16"))
        text = opened.enter_context(io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline=""))
        yield Lines(stored, text, file.stat().st_size)


class TextEvents:
    """Events of a text file, as their format reads them from its lines."""

    def __init__(self, name: str, lines: Lines, rows: Iterable[FileRow | None], *, is_typed: bool) -> None:
        """`rows`: what is read from `lines`, each when it is asked for; None: nothing stands there."""
        self.name, self.size, self.is_typed = name, lines.size, is_typed
        self._lines = lines
        self._rows = rows
        self._number = 0

    @property
    def done(self) -> int:
        return self._lines.done

    def batches(self) -> Iterator[Sequence[FileRow]]:
        with reading(self.name, lambda: self._number + 1):
            yield from batched(self._counted())

    def _counted(self) -> Iterator[FileRow]:
        for number, row in enumerate(self._rows, 1):
            self._number = number
            if row is not None:
                yield row
