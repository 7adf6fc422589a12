"""The record in a row of the decisions: how it is written, and how any of any form is read.

form 3   "3 " and its packed form, written by orjson, compressed by zstd, in base64: columns of text stay as they are
before   the document itself, as JSON
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from service.decision.decide import Decision
from service.decision.facts_record import Json
from service.decision.packed import document_of, packed
from service.decision.record import FORMAT, canonical, to_document
from service.state.port import RecordFormatUnknown

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL = 1
"""As small as the levels after it make a record, at less of their time."""
_HEAD = f"{FORMAT} "
_COMPRESSOR = zstd.ZstdCompressor(_LEVEL)
"""Kept, for to make one costs half of what compressing does; one call is one whole frame, whichever thread it is of."""


def text_of(decision: Decision) -> str:
    """What is stored of a decision. One with a number that orjson has no room for is stored as its document."""
    try:
        told = orjson.dumps(packed(decision), _as_float)
    except orjson.JSONEncodeError:
        return canonical(to_document(decision))
    return _HEAD + b64encode(_COMPRESSOR.compress(told, _COMPRESSOR.FLUSH_FRAME)).decode()


def _as_float(number: object) -> float:
    """Of a kind of float that is not Python's own, as a model may give."""
    if isinstance(number, float):
        return float(number)
    raise TypeError(type(number).__name__)


def record_of(decision: Mapping[str, Any]) -> Json:
    """The document in a row. One without a number, as those of the time before numbers are, is of form 1.

    Raises: RecordFormatUnknown, with the decision and the number, for what a later program recorded.
    """
    text: str = decision["record"]
    if text.startswith(_HEAD):
        return document_of(orjson.loads(zstd.decompress(b64decode(text[len(_HEAD) :]))))
    number, _, _ = text.partition(" ")
    record: Json = {"format": int(number)} if number.isdecimal() else json.loads(text)
    found = record.get("format", 1)
    if found not in range(1, FORMAT + 1):
        raise RecordFormatUnknown(
            f"decision {decision['decision_id']} is recorded in format {found}, this program knows 1 to {FORMAT}:"
            " use the later program"
        )
    return record
