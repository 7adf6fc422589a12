"""The errors of the application that a caller is told. `service.wire.status` has the gRPC status of each."""

from __future__ import annotations

from features.errors import RumboError


class RequestInvalid(RumboError):
    """Input that cannot be taken. `field` is its path in the message, `code` says what is wrong with it."""

    def __init__(self, field: str, code: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field
        self.code = code


class RequestReused(RumboError):
    """A known request id came with other parameters."""


class DecisionExpired(RumboError):
    """The answer under this request id is past its `valid_until`."""


class DecisionRevoked(RumboError):
    """Current facts deny a journey of the answer under this request id."""


class DecisionUnknown(RumboError):
    """No decision has this id."""


class DecisionImported(RumboError):
    """A decision that was imported as history: what it was made from is not known here."""
