"""What an imported decision says of its own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.decision.facts_record import Json
from service.decision.journey import NO_JOURNEY
from service.state.engines.session import Row, from_micros, optional_instant
from service.state.export.rewards import Met, MetBy, Reward
from service.state.export.rows import Since, SlotResult
from service.state.port import IMPORTED


def imported_results(record: Json, kept: Mapping[str, tuple[Row | None, Sequence[Row]]]) -> Mapping[str, SlotResult]:
    """By journey, NO_JOURNEY among them. `kept`: the contact and the outcomes of each that was shown."""
    said = record[IMPORTED]
    told = said.get("told", {})
    found = {
        journey: SlotResult(
            contact=contact,
            outcomes=outcomes,
            reward=_reward(said["rewards"][journey], told.get(journey, {})),
            attributes=said.get("attributes", {}).get(journey),
            expects=said.get("expects", {}).get(journey),
            in_window=told.get(journey, {}).get("outcome_in_window"),
            since=_since(told.get(journey, {})),
        )
        for journey, (contact, outcomes) in kept.items()
    }
    silence = told.get(NO_JOURNEY)
    if silence is not None:
        found[NO_JOURNEY] = SlotResult(
            reward=_reward(said["rewards"][NO_JOURNEY], silence),
            in_window=silence.get("outcome_in_window"),
            silence_value=silence.get("value"),
            reasons=silence.get("reason_of_silence"),
            since=_since(silence),
        )
    return found


def _since(told: Json) -> Since:
    met = told.get("met_in_windows")
    return Since(
        windows_end_at=optional_instant(told.get("windows_end_at")),
        met=None if met is None else [(one["journey_id"], _met(one)) for one in met],
    )


def _met(told: Json) -> Met:
    by = told.get("by")
    return Met(at=from_micros(told["at"]), worth=told["worth"], by=None if by is None else MetBy(by))


def _reward(reward: Sequence[float | bool | int | None], told: Json) -> Reward:
    amount, is_censored, ends = reward
    return Reward(
        amount=amount,
        is_censored=bool(is_censored),
        window_ends_at=optional_instant(None if ends is None else int(ends)),
        is_met=told.get("is_met"),
    )
