"""How a log, a bundle or an option that cannot be used ends a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from features.errors import CannotWrite
from models.errors import BundleCorrupt
from training.log.errors import LogInvalid
from training.off_policy.intervals import OneCustomer
from training.off_policy.logged import LogUnfit


class Refusal(click.ClickException):
    """Input that cannot be used: it ends a command as an option that is wrong does."""

    exit_code = 2


def demand_places(*files: Path | None) -> None:
    """Those that are named can be written, before anything is worked for. Raises: Refusal."""
    from features.files import demand_writable_at

    for file in files:
        if file is not None:
            try:
                demand_writable_at(file.parent)
            except CannotWrite as error:
                raise Refusal(str(error)) from error


@contextmanager
def refusing() -> Iterator[None]:
    """What is wrong with the input becomes one line on standard error, and exit status 2."""
    try:
        yield
    except (LogInvalid, BundleCorrupt, LogUnfit, OneCustomer) as error:
        raise Refusal(str(error)) from error
