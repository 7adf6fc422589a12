"""Where the log goes, and whose lines are in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TextIO

from service.metrics import JsonLines

GRPC = "grpc._cython.cygrpc"
_CHATTY = ("feast", "alembic", "mlflow")
_CALLER_GONE = "ExecuteBatchError"
"""What gRPC raises, and logs with a traceback, when the caller of an answer that is being sent is gone."""


def log_to(stream: TextIO, fields: Mapping[str, Any] | None = None) -> None:
    """From now on the log is lines of JSON on this stream, of what operators must know. `fields`: of every line.

    Libraries that were imported before may have handlers of their own, whose lines are of another form.
    """
    lines = logging.StreamHandler(stream)
    lines.setFormatter(JsonLines(fields))
    logging.basicConfig(level=logging.INFO, handlers=[lines], force=True)
    for name in _CHATTY:
        library = logging.getLogger(name)
        library.setLevel(logging.WARNING)
        library.handlers, library.propagate = [], True
    logging.getLogger(GRPC).addFilter(_is_of_interest)


def _is_of_interest(record: logging.LogRecord) -> bool:
    """Callers go away at any time: that is no error of the service."""
    return record.exc_info is None or record.exc_info[0] is None or record.exc_info[0].__name__ != _CALLER_GONE
