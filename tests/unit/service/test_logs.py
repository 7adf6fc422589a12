"""Which lines of libraries are in the log, and that none of them tells of a customer."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from service.logs import GRPC, log_to


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is written to the log; afterwards loggers are as they were."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level, logging.getLogger(GRPC).filters[:]
    logging.getLogger("alembic").addHandler(logging.StreamHandler(io.StringIO()))
    logging.getLogger("alembic").propagate = False
    root.handlers = []
    log_to(stream)
    yield stream
    root.handlers, root.level, logging.getLogger(GRPC).filters = before
    for name in ("feast", "alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - whatever it is, it now has a traceback
        return caught


def test_a_caller_who_is_gone_is_no_line_of_the_log(written: io.StringIO) -> None:
    gone = raised(cygrpc.ExecuteBatchError("Failed to send"))
    logging.getLogger(GRPC).error("an answer could not be sent", exc_info=gone)
    assert written.getvalue() == ""


def test_every_other_error_of_the_transport_is_a_line_with_its_cause(written: io.StringIO) -> None:
    logging.getLogger(GRPC).error("unforeseen", exc_info=raised(ZeroDivisionError("the cause")))
    logging.getLogger(GRPC).error("without a cause")
    first, second = map(json.loads, written.getvalue().splitlines())
    assert "ZeroDivisionError: the cause" in first["cause"]
    assert second["message"] == "without a cause"


@pytest.mark.parametrize("name", ["feast.online", "alembic.runtime.plugins", "mlflow.store"])
def test_libraries_that_tell_what_they_do_are_heard_only_when_they_warn(written: io.StringIO, name: str) -> None:
    """Also where MLflow was imported before, and made handlers of its own."""
    logging.getLogger(name).info("setting up")
    assert written.getvalue() == ""
    logging.getLogger(name).warning("trouble")
    assert json.loads(written.getvalue())["message"] == "trouble"


def test_what_postgresql_repeats_of_a_row_is_left_out(written: io.StringIO) -> None:
    told = 'duplicate key value violates "customers"\nDETAIL:  Key (customer_id)=(Ana) already exists.\nHINT:  none'
    logging.getLogger("service.wire.door").error("failed", exc_info=raised(ValueError(told)))
    assert "Ana" not in written.getvalue()
    assert "duplicate key value" in json.loads(written.getvalue())["cause"]
