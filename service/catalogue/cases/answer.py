"""What a case gets, in the words of its file, and where that differs from what it must get.

An answer is the same thing whether the core gave it or a service: `answer_of` makes one of a decision, the end-to-end
tests make one of a response, `differences` compares either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.catalogue.cases.document import ANYTHING_MORE, CaseDocument
from service.catalogue.cases.facts import facts_of_case
from service.catalogue.terms import Terms
from service.decision.arbitrate import Score, ScoreSource
from service.decision.constrain import Rejection
from service.decision.decide import Decision, DecisionTerms, begin, conclude
from service.decision.plan import Plan
from service.decision.tone import tone_of

Codes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where an answer is not the expected one; `journey` is empty where the case as a whole is meant."""

    about: str
    journey: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Journeys by where they ended. `denied` before slots were filled, `ruled_out` by what filled them.

    `ended` gives why an enrolment ended, `displaced` the journeys that give way to a ranked one.
    """

    decided_at: datetime
    eligible: frozenset[str]
    denied: Codes
    bypassed: Codes = field(default_factory=dict)
    ranked: tuple[str, ...] = ()
    ruled_out: Codes = field(default_factory=dict)
    tones: Mapping[str, str] = field(default_factory=dict)
    ended: Mapping[str, str] = field(default_factory=dict)
    displaced: Codes = field(default_factory=dict)
    eligible_after: Mapping[str, datetime] = field(default_factory=dict)


def decide(case: CaseDocument, plan: Plan, terms: Terms) -> Decision:
    """Decides a case on the core; a journey without a score or a value has its prior. Nothing is drawn.

    Raises: CaseInvalid.
    """
    facts = facts_of_case(case, plan, terms)
    draft = begin(plan.undrawn, facts)
    given, values, if_silent = case.scores or {}, case.values or {}, case.if_silent or {}
    scores = {
        c.journey_id: Score(
            p_outcome=given.get(c.journey_id, c.journey.prior),
            source=ScoreSource.PRIOR,
            value=values.get(c.journey_id),
            p_if_silent=if_silent.get(c.journey_id),
        )
        for c in draft.survivors
    }
    limit = plan.channels[facts.channel].slots if case.limit is None else case.limit
    return conclude(draft, scores, DecisionTerms(decision_id="case", limit=limit))


def answer_of(decision: Decision) -> Answer:
    draft = decision.draft
    ends = ((r.journey_id, decision.eligible_after(r)) for r in decision.rejected)
    displaced = ((p.journey_id, decision.displaced(p)) for p in decision.picks)
    return Answer(
        decided_at=decision.decided_at,
        eligible=frozenset(c.journey_id for c in draft.survivors),
        denied=_codes(draft.constrained.rejected),
        bypassed={j: tuple(r.code for r in reasons) for j, reasons in draft.constrained.bypassed.items()},
        ranked=tuple(p.journey_id for p in decision.picks),
        ruled_out=_codes(decision.selection.rejected),
        tones={c.journey_id: tone_of(c, draft.evaluation)[0] for c in draft.survivors},
        ended={e.journey_id: e.why.value for e in draft.ended},
        displaced={journey: others for journey, others in displaced if others},
        eligible_after={journey: at for journey, at in ends if at is not None},
    )


def _codes(rejected: Iterable[Rejection]) -> Codes:
    return {r.journey_id: tuple(reason.code for reason in r.reasons) for r in rejected}


def differences(case: CaseDocument, answer: Answer) -> Iterator[Difference]:
    """Every difference, journey by journey."""
    expected = set(case.eligible)
    for journey in sorted(expected - answer.eligible):
        yield _differs("eligible", journey, "eligible", _codes_text(answer.denied.get(journey)))
    for journey in sorted(answer.eligible - expected):
        yield _differs(
            "eligible", journey, "denied: " + ", ".join(case.denied.get(journey, ("not listed",))), "eligible"
        )
    for journey, codes in case.denied.items():
        if journey not in answer.eligible and not _is_met(codes, answer.denied.get(journey)):
            yield _differs("denied", journey, ", ".join(codes), _codes_text(answer.denied.get(journey)))
    yield from _by_code("bypassed", case.bypassed, answer.bypassed)
    yield from _by_code("ruled_out", case.ruled_out, answer.ruled_out)
    yield from _by_code("displaced", case.displaced, answer.displaced)
    if case.ranked is not None and case.ranked != answer.ranked:
        yield _differs("ranked", "", ", ".join(case.ranked), ", ".join(answer.ranked))
    if case.ended is not None:
        yield from _by_value("ended", case.ended, answer.ended)
    yield from _by_value("tone", case.tones, {journey: answer.tones.get(journey, "") for journey in case.tones})
    yield from _by_time(case.eligible_after, answer)


def _differs(about: str, journey: str, expected: str, found: str) -> Difference:
    return Difference(about=about, journey=journey, expected=expected, found=found)


def _codes_text(codes: tuple[str, ...] | None) -> str:
    return "no candidate" if codes is None else "denied: " + ", ".join(codes)


def _is_met(expected: tuple[str, ...], found: tuple[str, ...] | None) -> bool:
    if found is None:
        return False
    named = set(expected) - {ANYTHING_MORE}
    return named <= set(found) if ANYTHING_MORE in expected else named == set(found)


def _by_code(about: str, expected: Codes | None, found: Codes) -> Iterator[Difference]:
    if expected is None:
        return
    for journey in sorted({*expected, *found}):
        wanted, got = expected.get(journey, ()), found.get(journey, ())
        if not _is_met(wanted, got):
            yield _differs(about, journey, ", ".join(wanted) or "nothing", ", ".join(got) or "nothing")


def _by_value(about: str, expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Difference]:
    for journey in sorted({*expected, *found}):
        if expected.get(journey) != found.get(journey):
            yield _differs(about, journey, expected.get(journey, "nothing"), found.get(journey, "nothing"))


def _by_time(expected: Mapping[str, timedelta | None], answer: Answer) -> Iterator[Difference]:
    for journey, ahead in expected.items():
        wanted, found = None if ahead is None else answer.decided_at + ahead, answer.eligible_after.get(journey)
        if wanted != found:
            yield _differs("eligible_after", journey, str(wanted or "never"), str(found or "never"))
