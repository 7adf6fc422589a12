"""An answer made the plain way: a message for each of its parts, as protobuf's own classes have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from features.values import Scalar
from rumbo.decision.v1 import decision_pb2, journey_pb2, reason_pb2, value_pb2
from service.decision.arbitrate import ScoredCandidate
from service.decision.constrain import Rejection
from service.decision.decide import Decision, Degradation
from service.decision.reasons import for_eligible, for_pick
from service.decision.select import Chance, Pick
from service.decision.tone import tone_of
from service.decision.verdict import Reason
from service.decision.windows import ELIGIBLE_AFTER_LIMIT
from service.texts.fill import effect_text, text
from service.wire.answers import LONGEST_TEXT
from service.wire.enums import KIND, REASON_KIND, STAGE, STATUS, scalar, timestamp, whole_seconds_up


def answer(decision: Decision, *, is_full: bool, locale: str) -> decision_pb2.DecideResponse:
    """The answer to a question."""
    response = decision_pb2.DecideResponse(
        decision_id=decision.terms.decision_id,
        decided_at=timestamp(decision.decided_at),
        valid_until=timestamp(decision.valid_until),
        ranked=[_ranked(pick, decision, locale, is_full=is_full) for pick in decision.picks],
        no_journey=_no_journey(decision, locale, is_full=is_full),
        counts=decision_pb2.Counts(
            candidates=len(decision.picks) + len(decision.selection.eligible) + len(decision.rejected),
            eligible=len(decision.selection.eligible),
            rejected=len(decision.rejected),
        ),
        limit=decision.terms.limit,
        model_version=decision.model_version,
        arm=decision.arm.value if decision.plan.arms.shares else "",
        catalogue_version=decision.plan.version,
        degraded=_degraded(decision.terms.degraded, locale),
    )
    if is_full:
        response.eligible.extend(_eligible(s, decision, locale) for s in decision.selection.eligible)
        response.rejected.extend(_rejected(r, decision, locale) for r in decision.rejected)
    return response


def _ranked(pick: Pick, decision: Decision, locale: str, *, is_full: bool) -> journey_pb2.RankedJourney:
    scored, candidate = pick.scored, pick.candidate
    return journey_pb2.RankedJourney(
        rank=pick.rank,
        journey_id=candidate.journey_id,
        kind=KIND[candidate.journey.kind],
        stage=STAGE[candidate.stage],
        action_id=candidate.action.action_id,
        tone=tone_of(candidate, decision.evaluation)[0],
        is_offer=candidate.action.is_offer,
        priority=scored.priority,
        p_outcome=scored.score.p_outcome,
        value=scored.value,
        selection_probability=pick.selection_probability,
        reasons=_reasons(for_pick(pick, decision), decision, locale),
        is_exploration=pick.chance.is_exploration,
        p_if_silent=scored.p_if_silent,
        is_forced=pick.chance.is_forced and not decision.plan.is_plain,
        drawn_from=_drawn_from(pick.chance) if is_full else (),
    )


def _drawn_from(chance: Chance) -> Iterator[journey_pb2.SlotOption]:
    """Nothing where there was one alone."""
    drawn_from = chance.drawn_from
    if len(drawn_from.options) > 1:
        for journey_id, p in zip(drawn_from.options, drawn_from.p, strict=True):
            yield journey_pb2.SlotOption(journey_id=journey_id, probability=p)


def _eligible(scored: ScoredCandidate, decision: Decision, locale: str) -> journey_pb2.EligibleJourney:
    return journey_pb2.EligibleJourney(
        journey_id=scored.journey_id,
        kind=KIND[scored.candidate.journey.kind],
        stage=STAGE[scored.candidate.stage],
        action_id=scored.candidate.action.action_id,
        priority=scored.priority,
        p_outcome=scored.score.p_outcome,
        value=scored.value,
        reasons=_reasons(for_eligible(scored), decision, locale),
        p_if_silent=scored.p_if_silent,
    )


def _rejected(rejected: Rejection, decision: Decision, locale: str) -> journey_pb2.RejectedJourney:
    return journey_pb2.RejectedJourney(
        journey_id=rejected.journey_id,
        reasons=_reasons(rejected.reasons, decision, locale),
        eligible_after=_within_limit(decision.eligible_after(rejected), decision.decided_at),
    )


def _no_journey(decision: Decision, locale: str, *, is_full: bool) -> journey_pb2.NoJourney | None:
    reasons = decision.no_journey
    if reasons is None:
        return None
    silence = decision.selection.silence
    return journey_pb2.NoJourney(
        reasons=_reasons(reasons, decision, locale),
        value=decision.selection.silence_value or 0.0,
        selection_probability=1.0 if silence is None else silence.p,
        is_exploration=silence is not None and silence.is_exploration,
        is_forced=silence is not None and silence.is_forced and not decision.plan.is_plain,
        drawn_from=_drawn_from(silence) if is_full and silence is not None else (),
    )


def _degraded(degraded: Iterable[Degradation], locale: str) -> list[decision_pb2.Degraded]:
    return [
        decision_pb2.Degraded(what=d.what, status=STATUS[d.status], effect=effect_text(d, locale)) for d in degraded
    ]


def _reasons(reasons: Iterable[Reason], decision: Decision, locale: str) -> list[reason_pb2.Reason]:
    return [_reason(_cut(reason), decision, locale) for reason in reasons]


def _reason(reason: Reason, decision: Decision, locale: str) -> reason_pb2.Reason:
    return reason_pb2.Reason(
        code=reason.code,
        kind=REASON_KIND[reason.kind],
        params=_params(reason.params),
        text=text(reason, locale, decision.plan.texts),
        eligible_after=_within_limit(reason.eligible_after, decision.decided_at),
    )


def _cut(reason: Reason) -> Reason:
    """The same with the beginning of each long text: many journeys may have read the same one, and each says so."""
    params = dict(reason.params)
    long = {name: value for name, value in params.items() if isinstance(value, str) and len(value) > LONGEST_TEXT}
    if not long:
        return reason._replace(params=params)
    cut = {name: value[: LONGEST_TEXT - 1] + "…" for name, value in long.items()}
    return reason._replace(params={**params, **cut})


def _params(params: Mapping[str, Scalar]) -> dict[str, value_pb2.Value]:
    return {name: scalar(value) for name, value in params.items()}


def _within_limit(at: datetime | None, decided_at: datetime) -> Timestamp | None:
    """Whole seconds, rounded up; absent beyond ELIGIBLE_AFTER_LIMIT."""
    if at is None or at > decided_at + ELIGIBLE_AFTER_LIMIT:
        return None
    return whole_seconds_up(at)
