"""What people are told of an error: its text on stderr, and exit status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import (
    EACCES,
    EDQUOT,
    EFBIG,
    EIO,
    EISDIR,
    ELOOP,
    EMFILE,
    ENAMETOOLONG,
    ENFILE,
    ENOSPC,
    ENOTDIR,
    EPERM,
    EROFS,
)

import click

from features.errors import RumboError

FAULTS_OF_THE_MACHINE = frozenset(
    {ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EPERM, EIO, EMFILE, ENFILE, ENAMETOOLONG, ENOTDIR, EISDIR, ELOOP}
)
"""Of disks, rights and limits; whatever else the system says is a fault of this program."""


@contextmanager
def told_to_people() -> Iterator[None]:
    """Raises: ClickException for a RumboError, and for a fault of the machine."""
    try:
        yield
    except RumboError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        if error.errno not in FAULTS_OF_THE_MACHINE:
            raise
        where = "" if error.filename is None else f"{error.filename}: "
        raise click.ClickException(f"{where}{error.strerror}") from error
