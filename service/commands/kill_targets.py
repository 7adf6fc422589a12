"""Whether a kill stops anything: a target that is no journey would go unnoticed, and its journey would run on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches

from service.decision.constraints.killed import EVERYTHING, kind_target
from service.decision.journey import JourneyKind

KINDS = tuple(kind_target(kind) for kind in JourneyKind)


def doubt(target: str, catalogues: Iterable[str]) -> str | None:
    """Why a target may stop nothing, with the name that may have been meant; None if it is a journey, kind or all.

    Args:
        catalogues: the texts of every catalogue kept; one that cannot be read has no journeys.
    """
    journeys = {journey for text in catalogues for journey in _journeys(text)}
    if target in journeys or target in (EVERYTHING, *KINDS):
        return None
    told = f"no catalogue that was served here and can be read has a journey '{target}'"
    near = get_close_matches(target, sorted(journeys | {*KINDS}), n=1, cutoff=0.6)
    return f"{told}, did you mean `{near[0]}`?" if near else told


def _journeys(text: str) -> list[str]:
    """The ids of the journeys; nothing else is read, so a catalogue of another version of this program will do."""
    try:
        return [str(journey["journey"]) for journey in json.loads(text)["journeys"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
