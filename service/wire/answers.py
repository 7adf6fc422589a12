"""Domain values to messages; texts are made here, in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from rumbo.decision.v1 import (
    decision_pb2,
    events_pb2,
    journey_pb2,
    outcomes_pb2,
    record_pb2,
    row_pb2,
)
from service.application.decider import ReplayedDecision
from service.decision.arbitrate import ScoredCandidate
from service.decision.constrain import Rejection
from service.decision.decide import Decision, Degradation
from service.decision.plan import Candidate
from service.decision.reasons import for_eligible, for_pick
from service.decision.reports.rows import RowResult, RowStatus
from service.decision.select import Chance, Pick
from service.decision.tone import tone_of
from service.decision.verdict import Reason
from service.decision.windows import ELIGIBLE_AFTER_LIMIT
from service.state.port import KeptOutcome
from service.texts.fill import effect_text, text
from service.wire.enums import (
    CONTACT,
    KIND,
    OUTCOME,
    ROW_STATUS,
    STAGE,
    STATUS,
    timestamp,
    whole_seconds_up,
)
from service.wire.packed import VARINT, double, double_if_any, flag, framed, numbers, tag, varint
from service.wire.packed import reason as packed_reason

LONGEST_TEXT = 500
"""Characters of a value that a reason quotes; a longer one ends with an ellipsis."""
MOST_KEPT = 4096
"""Candidates of which is kept what answers say of them."""

_RANKED, _NO_JOURNEY, _ELIGIBLE, _REJECTED = numbers(
    decision_pb2.DecideResponse, "ranked", "no_journey", "eligible", "rejected"
)
_RANK, _REASONS, _PRIORITY, _P_OUTCOME, _WORTH = numbers(
    journey_pb2.RankedJourney, "rank", "reasons", "priority", "p_outcome", "value"
)
_SELECTION_PROBABILITY, _IS_EXPLORATION, _P_IF_SILENT, _IS_FORCED = numbers(
    journey_pb2.RankedJourney, "selection_probability", "is_exploration", "p_if_silent", "is_forced"
)
(_REASONS_OF_ELIGIBLE,) = numbers(journey_pb2.EligibleJourney, "reasons")
(_REASONS_OF_REJECTED,) = numbers(journey_pb2.RejectedJourney, "reasons")
(_REASONS_OF_SILENCE,) = numbers(journey_pb2.NoJourney, "reasons")


def event_result(result: RowResult) -> events_pb2.EventResult:
    message = events_pb2.EventResult(event_id=result.row_id, status=ROW_STATUS[result.status])
    if result.status is RowStatus.REJECTED:
        message.rejection.CopyFrom(row_pb2.Rejection(field=result.field, code=result.code))
    return message


def outcome_result(result: RowResult) -> outcomes_pb2.OutcomeResult:
    message = outcomes_pb2.OutcomeResult(
        outcome_id=result.row_id,
        status=ROW_STATUS[result.status],
        late=result.late,
        decision_id=result.decision_id,
    )
    if result.status is RowStatus.REJECTED:
        message.rejection.CopyFrom(row_pb2.Rejection(field=result.field, code=result.code))
    return message


def answer(decision: Decision, *, is_full: bool, locale: str) -> bytes:
    """The answer to a question: a `DecideResponse` as it is sent."""
    begins = decision_pb2.DecideResponse(
        decision_id=decision.terms.decision_id,
        decided_at=timestamp(decision.decided_at),
        valid_until=timestamp(decision.valid_until),
    )
    parts = [begins.SerializeToString()]
    parts.extend(framed(_RANKED, _ranked(pick, decision, locale, is_full=is_full)) for pick in decision.picks)
    silence = _no_journey(decision, locale, is_full=is_full)
    if silence is not None:
        parts.append(framed(_NO_JOURNEY, silence))
    if is_full:
        parts.extend(framed(_ELIGIBLE, _eligible(s, decision, locale)) for s in decision.selection.eligible)
        parts.extend(framed(_REJECTED, _rejected(r, decision, locale)) for r in decision.rejected)
    ends = decision_pb2.DecideResponse(
        counts=decision_pb2.Counts(
            candidates=len(decision.picks) + len(decision.selection.eligible) + len(decision.rejected_codes),
            eligible=len(decision.selection.eligible),
            rejected=len(decision.rejected_codes),
        ),
        limit=decision.terms.limit,
        model_version=decision.model_version,
        arm=decision.arm.value if decision.plan.arms.shares else "",
        catalogue_version=decision.plan.version,
        degraded=_degraded(decision.terms.degraded, locale),
    )
    parts.append(ends.SerializeToString())
    return b"".join(parts)


def record(replayed: ReplayedDecision, *, is_full: bool, locale: str) -> bytes:
    """The record of a decision, and where its contacts stand now: a `GetDecisionResponse` as it is sent."""
    decision, facts = replayed.decision, replayed.decision.facts
    silence = _no_journey(decision, locale, is_full=is_full)
    response = record_pb2.GetDecisionResponse(
        decision_id=replayed.stored.decision_id,
        customer_id=facts.customer_id,
        channel=facts.channel,
        placement=facts.placement,
        decided_at=timestamp(decision.decided_at),
        valid_until=timestamp(decision.valid_until),
        ranked=[_recorded_journey(pick, replayed, locale, is_full=is_full) for pick in decision.picks],
        no_journey=None if silence is None else journey_pb2.NoJourney.FromString(silence),
        model_version=decision.model_version,
        arm=decision.arm.value if decision.plan.arms.shares else "",
        catalogue_version=decision.plan.version,
        degraded=_degraded(decision.terms.degraded, locale),
        outcomes=[_recorded_outcome(kept) for kept in replayed.stored.outcomes],
    )
    if is_full:
        for scored in decision.selection.eligible:
            response.eligible.add().MergeFromString(_eligible(scored, decision, locale))
        for rejected in decision.rejected:
            response.rejected.add().MergeFromString(_rejected(rejected, decision, locale))
    return response.SerializeToString()


def _recorded_journey(
    pick: Pick, replayed: ReplayedDecision, locale: str, *, is_full: bool
) -> record_pb2.RecordedJourney:
    journey_id = pick.journey_id
    is_revoked = journey_id in replayed.revoked
    state = CONTACT[replayed.stored.contact_states[journey_id]]
    contributions = replayed.contributions.get(journey_id)
    return record_pb2.RecordedJourney(
        journey=journey_pb2.RankedJourney.FromString(_ranked(pick, replayed.decision, locale, is_full=is_full)),
        contact_state=record_pb2.CONTACT_STATE_REVOKED if is_revoked else state,
        contributions=None
        if contributions is None
        else record_pb2.Contributions(base=contributions.base, by_feature=contributions.by_feature),
    )


def _recorded_outcome(kept: KeptOutcome) -> record_pb2.RecordedOutcome:
    return record_pb2.RecordedOutcome(
        outcome=outcomes_pb2.Outcome(
            outcome_id=kept.outcome.outcome_id,
            decision_id=kept.outcome.decision_id,
            journey_id=kept.outcome.journey_id,
            type=OUTCOME[kept.outcome.type],
            value=kept.outcome.value,
            occurred_at=timestamp(kept.outcome.occurred_at),
        ),
        recorded_at=timestamp(kept.recorded_at),
        late=kept.is_late,
    )


def _ranked(pick: Pick, decision: Decision, locale: str, *, is_full: bool) -> bytes:
    """A `RankedJourney`, its fields in their order."""
    scored, chance = pick.scored, pick.chance
    parts = [
        tag(_RANK, VARINT) + varint(pick.rank),
        _OFFERS.bytes_of(pick.candidate, tone_of(pick.candidate, decision.evaluation)[0]),
        double(_PRIORITY, scored.priority),
        double(_P_OUTCOME, scored.score.p_outcome),
        double(_WORTH, scored.value),
        double(_SELECTION_PROBABILITY, pick.selection_probability),
        *_reasons(_REASONS, for_pick(pick, decision), decision, locale),
        flag(_IS_EXPLORATION, is_set=chance.is_exploration),
        double_if_any(_P_IF_SILENT, scored.p_if_silent),
        flag(_IS_FORCED, is_set=chance.is_forced and not decision.plan.is_plain),
    ]
    if is_full:
        parts.append(journey_pb2.RankedJourney(drawn_from=_drawn_from(chance)).SerializeToString())
    return b"".join(parts)


class _Offers:
    """What an answer says of a candidate in one tone, whoever is asked for; of those in force, made once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], tuple[Candidate, bytes]] = {}

    def bytes_of(self, candidate: Candidate, tone: str) -> bytes:
        """The fields of a `RankedJourney` that say it."""
        kept = self._kept.get((id(candidate), tone))
        if kept is not None:
            return kept[1]
        said = journey_pb2.RankedJourney(
            journey_id=candidate.journey_id,
            kind=KIND[candidate.journey.kind],
            stage=STAGE[candidate.stage],
            action_id=candidate.action.action_id,
            tone=tone,
            is_offer=candidate.action.is_offer,
        ).SerializeToString()
        if len(self._kept) >= MOST_KEPT:
            self._kept = {}
        self._kept[id(candidate), tone] = candidate, said  # held, so that no other gets its id
        return said


_OFFERS = _Offers()


def _drawn_from(chance: Chance) -> Iterator[journey_pb2.SlotOption]:
    """Nothing where there was one alone."""
    drawn_from = chance.drawn_from
    if len(drawn_from.options) > 1:
        for journey_id, p in zip(drawn_from.options, drawn_from.p, strict=True):
            yield journey_pb2.SlotOption(journey_id=journey_id, probability=p)


def _eligible(scored: ScoredCandidate, decision: Decision, locale: str) -> bytes:
    """An `EligibleJourney`."""
    said = journey_pb2.EligibleJourney(
        journey_id=scored.journey_id,
        kind=KIND[scored.candidate.journey.kind],
        stage=STAGE[scored.candidate.stage],
        action_id=scored.candidate.action.action_id,
        priority=scored.priority,
        p_outcome=scored.score.p_outcome,
        value=scored.value,
        p_if_silent=scored.p_if_silent,
    )
    reasons = _reasons(_REASONS_OF_ELIGIBLE, for_eligible(scored), decision, locale)
    return b"".join((said.SerializeToString(), *reasons))


def _rejected(rejected: Rejection, decision: Decision, locale: str) -> bytes:
    """A `RejectedJourney`."""
    said = journey_pb2.RejectedJourney(
        journey_id=rejected.journey_id,
        eligible_after=_within_limit(decision.eligible_after(rejected), decision.decided_at),
    )
    reasons = _reasons(_REASONS_OF_REJECTED, rejected.reasons, decision, locale)
    return b"".join((said.SerializeToString(), *reasons))


def _no_journey(decision: Decision, locale: str, *, is_full: bool) -> bytes | None:
    """A `NoJourney`; None where there is none."""
    reasons = decision.no_journey
    if reasons is None:
        return None
    silence = decision.selection.silence
    said = journey_pb2.NoJourney(
        value=decision.selection.silence_value or 0.0,
        selection_probability=1.0 if silence is None else silence.p,
        is_exploration=silence is not None and silence.is_exploration,
        is_forced=silence is not None and silence.is_forced and not decision.plan.is_plain,
        drawn_from=_drawn_from(silence) if is_full and silence is not None else (),
    )
    return b"".join((*_reasons(_REASONS_OF_SILENCE, reasons, decision, locale), said.SerializeToString()))


def _degraded(degraded: Iterable[Degradation], locale: str) -> list[decision_pb2.Degraded]:
    return [
        decision_pb2.Degraded(what=d.what, status=STATUS[d.status], effect=effect_text(d, locale)) for d in degraded
    ]


def _reasons(field: int, reasons: Iterable[Reason], decision: Decision, locale: str) -> Iterator[bytes]:
    """Each as an item of a field."""
    return (framed(field, _reason(_cut(reason), decision, locale)) for reason in reasons)


def _reason(reason: Reason, decision: Decision, locale: str) -> bytes:
    return packed_reason(
        reason.code,
        reason.kind,
        reason.params,
        text(reason, locale, decision.plan.texts),
        _within_limit(reason.eligible_after, decision.decided_at),
    )


def _cut(reason: Reason) -> Reason:
    """The same with the beginning of each long text: many journeys may have read the same one, and each says so."""
    long = {n: v for n, v in reason.params.items() if isinstance(v, str) and len(v) > LONGEST_TEXT}
    if not long:
        return reason
    cut = {name: value[: LONGEST_TEXT - 1] + "…" for name, value in long.items()}
    return reason._replace(params={**reason.params, **cut})


def _within_limit(at: datetime | None, decided_at: datetime) -> Timestamp | None:
    """Whole seconds, rounded up; absent beyond ELIGIBLE_AFTER_LIMIT."""
    if at is None or at > decided_at + ELIGIBLE_AFTER_LIMIT:
        return None
    return whole_seconds_up(at)
