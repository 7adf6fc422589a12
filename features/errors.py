"""Errors for people: one root, named for what is wrong, without personal data."""

from __future__ import annotations


class RumboError(Exception):
    """Root of every error whose text is meant to be read by a person; the command line prints it and exits with 1."""


class CannotWrite(RumboError, OSError):
    """A file cannot be made or replaced: no room, no right, or a folder that only can be read."""


class InvalidInstant(RumboError):
    """A text that should be an RFC 3339 instant is not one."""


class StoreUnavailable(RumboError):
    """The online store or its registry could not be opened, read or written."""


class HistoryUnreadable(RumboError):
    """The offline store could not be asked what was known of customers, or answered what cannot be used."""


class ValueUnfit(RumboError):
    """A stored value is not of the type that the schema declares."""


class SituationUnreadable(RumboError):
    """A stored list of incidents or consents is not what the contract says, so nothing can be merged into it."""


class LayoutUnknown(RumboError):
    """A store does not keep its rows as the one that can be read directly: Feast itself must read it."""
