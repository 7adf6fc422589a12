"""The rows of a decision: what filled each of its slots and how it was drawn, and the set that it was drawn from.

ranked 1 ... ranked k [NO_JOURNEY, where fewer slots were filled than asked for]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.decision.arbitrate import ScoredCandidate
from service.decision.arms import Arm
from service.decision.facts_record import Json
from service.decision.journey import NO_JOURNEY
from service.decision.record import scores_of_arm
from service.decision.select import HOLDOUT
from service.state.port import IMPORTED

RANKED, ELIGIBLE, HELD_OUT, DENIED_AT_SELECT = "RANKED", "ELIGIBLE", "HELD_OUT", "DENIED_AT_SELECT"
ENTRY: Final = ("journey_id", "place", "rank", "p_outcome", "score_source", "propensity")
MORE: Final = (
    *("kind", "tier", "value", "lever", "context_weight", "cost", "attributes", "ranked_by", "p_if_silent"),
    "outcome_in_window",
)
"""What is told of each journey of the set: the first since there is a table, the others since there is exploration."""
DRAWN: Final = ("propensity_over_arms", "is_exploration", "is_forced")
Entry = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot, and what filled it: a journey, or silence, of which `told` is None.

    `propensity`: within the arm; `drawn`: the other columns of DRAWN. `drawn_from`: the probabilities that it was drawn
    by, where they were recorded.
    """

    rank: int
    told: Json | None
    propensity: float
    drawn: tuple[float | None, bool | None, bool | None]
    drawn_from: Mapping[str | None, float] | None = None

    @property
    def journey_id(self) -> str:
        return NO_JOURNEY if self.told is None else str(self.told["journey_id"])


def slots_of(record: Json) -> Iterator[Slot]:
    """The slots that were looked at, in order; the last is silence where fewer were filled than asked for."""
    output = record["output"]
    if IMPORTED in record:
        yield from _imported(record)
        return
    ranked, chances = output["ranked"], output.get("chances")
    for place, told in enumerate(ranked):
        if chances is None:
            p = told["selection_probability"]
            yield Slot(rank=told["rank"], told=told, propensity=p, drawn=(p, False, None))
        else:
            yield _drawn(told["rank"], told, chances[place])
    if output.get("no_journey") is not None:
        silence = output.get("silence")
        if silence is None:  # the best is taken of everybody, so nothing was left
            yield Slot(rank=len(ranked) + 1, told=None, propensity=1.0, drawn=(1.0, False, True))
        else:
            yield _drawn(len(ranked) + 1, None, silence)


def _drawn(rank: int, told: Json | None, chance: Json) -> Slot:
    return Slot(
        rank=rank,
        told=told,
        propensity=min(chance["p"], 1.0),  # sums of floating point may exceed it
        drawn=(min(chance["over_arms"], 1.0), chance["is_exploration"], chance["is_forced"]),
        drawn_from=dict(chance["drawn_from"]),
    )


def _imported(record: Json) -> Iterator[Slot]:
    said = record[IMPORTED].get("told", {})
    for told in record["output"]["ranked"]:
        own = said.get(told["journey_id"], {})
        p = told["selection_probability"]
        yield Slot(rank=told["rank"], told=told, propensity=p, drawn=_told(own))
    silence = said.get(NO_JOURNEY)
    if silence is not None:
        yield Slot(rank=silence["rank"], told=None, propensity=silence["propensity"], drawn=_told(silence))


def _told(own: Json) -> tuple[float | None, bool | None, bool | None]:
    over_arms, is_exploration, is_forced = (own.get(name) for name in DRAWN)
    return over_arms, is_exploration, is_forced


def arm_of(record: Json) -> tuple[str | None, float | None]:
    """The arm and its share; where the policies have no arms all are the champion's."""
    told = record.get(IMPORTED)
    if told is not None:
        return told.get("arm"), told.get("share")
    return record["output"].get("arm", Arm.CHAMPION.value), record["output"].get("share", 1.0)


def best_unsaid(record: Json, weighed: Mapping[str, ScoredCandidate]) -> str | None:
    """The best of what could have been said where silence was; None where nothing could.

    Args:
        weighed: in the champion's order, which is that of the holdout.
    """
    eligible: Sequence[str] = record["output"]["eligible"]
    if eligible:
        return eligible[0]
    held_out = {journey for journey, codes in record["output"]["rejected"].items() if HOLDOUT in codes}
    return next((journey for journey in weighed if journey in held_out), None)


class EligibleSet:
    """Every journey that the constraints allowed, whatever the arm, with what its order needs."""

    def __init__(
        self, record: Json, weighed: Mapping[str, ScoredCandidate], in_window: Mapping[str, bool | None]
    ) -> None:
        self._weighed = weighed
        self._in_window = in_window
        self._scores = scores_of_arm(record)
        self._parts = list(self._entries(record["output"]))
        is_certain = all(ranked["selection_probability"] == 1.0 for ranked in record["output"]["ranked"])
        self._unranked = 0.0 if is_certain else None
        self._certain: list[Entry] | None = None

    def at(self, slot: Slot) -> list[Entry]:
        """With the probability of each to fill this slot, where it was recorded.

        Else, while each slot is filled for certain, what is ranked had that of its own slot, and the rest no chance.
        """
        if slot.drawn_from is not None:
            drawn_from = slot.drawn_from
            return [(*begin, drawn_from.get(begin[0], 0.0), *rest) for begin, _, rest in self._parts]
        if self._certain is None:
            self._certain = [
                (*begin, self._unranked if own is None else own, *rest) for begin, own, rest in self._parts
            ]
        return self._certain

    def _entries(self, output: Json) -> Iterator[tuple[Entry, float | None, Entry]]:
        """What stands before the propensity, that of its own slot of what was ranked, and what stands after it."""
        for told in output["ranked"]:
            begin = told["journey_id"], RANKED, told["rank"], number(told["p_outcome"]), told["source"]
            yield begin, told["selection_probability"], self._terms(told["journey_id"], told)
        for journey in output["eligible"]:
            yield self._unchosen(journey, ELIGIBLE)
        rejected = output["rejected"]
        for journey in sorted(self._scores.keys() & rejected.keys()):
            yield self._unchosen(journey, HELD_OUT if HOLDOUT in rejected[journey] else DENIED_AT_SELECT)

    def _unchosen(self, journey_id: str, place: str) -> tuple[Entry, float | None, Entry]:
        p_outcome, source, *_ = self._scores[journey_id]
        return (journey_id, place, None, number(p_outcome), source), None, self._terms(journey_id, {})

    def _terms(self, journey_id: str, told: Json) -> Entry:
        """By the catalogue that decided; where that binds no longer, what the record tells of what was ranked."""
        one, in_window = self._weighed.get(journey_id), self._in_window.get(journey_id)
        if one is None:
            given = (told.get(name) for name in ("kind", "tier", "value", "lever", "context_weight", "cost"))
            return (*given, None, None, number(told.get("p_if_silent")), in_window)
        journey = one.candidate.journey
        return (
            journey.kind.value,
            journey.tier,
            one.value,
            one.lever,
            one.context_weight,
            one.candidate.action.cost,
            sorted(journey.attributes.items()),
            one.ranked_by.name,
            one.p_if_silent,
            in_window,
        )


def number(recorded: float | str | None) -> float | None:
    """Numbers that are not finite are recorded by their names."""
    return None if recorded is None else float(recorded)
