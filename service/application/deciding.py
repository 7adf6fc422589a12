"""Decides a batch of questions, each stage over all of them; a question that comes alone is a batch of one.

    hydrate ──> constrain ──> score ──> select ──> prepare ──> commit      in the thread of who calls, which waits

Each is answered as if it had been alone: what fails fails alone, and of several questions of one customer each sees
what those before it reserved, for the commit re-checks. What facts have overtaken goes round again; at its last attempt
it is decided within the transaction that keeps it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from service.application.hydrate import HydratedFacts, Hydrator, Wanted, incidents_open_in
from service.application.question import Question
from service.application.scoring import Scores, Scoring, ToScore
from service.batches import Waiting
from service.catalogue.load import Catalogue
from service.decision.decide import Decision, DecisionTerms, Draft, begin, begin_all, conclude
from service.decision.plan import Plan
from service.state.port import (
    AlreadyDecided,
    CommitResult,
    Committed,
    DeferredDecision,
    FactsMoved,
    StatementRefused,
    StateReading,
    StateStore,
    StateUnavailable,
)
from service.timing import StepTimes

Result = TypeVar("Result")

ATTEMPTS = 3
"""All but the last are optimistic; the last one decides while it holds the locks."""
LARGEST_BATCH = 32
Answer = Decision | AlreadyDecided


@dataclass(slots=True, kw_only=True)
class Asked:
    """A question, and what its caller wants to be done on the way.

    `prepare` is called with each decision that is about to be answered; if it raises, nothing is reserved.
    """

    question: Question
    times: StepTimes
    prepare: Callable[[Decision], None]
    attempts: int = 0


AskedBatch = Sequence[Waiting[Asked, Answer]]


class _Course:
    """A question on its way through the stages."""

    __slots__ = (
        "decision",
        "decision_id",
        "draft",
        "hydrated",
        "is_kept",
        "is_overtaken",
        "now",
        "plan",
        "scores",
        "waiting",
    )

    hydrated: HydratedFacts
    draft: Draft
    scores: Scores
    decision: Decision

    def __init__(self, waiting: Waiting[Asked, Answer], plan: Plan, now: datetime, *, is_kept: bool) -> None:
        self.waiting = waiting
        self.plan = plan
        self.now = now
        self.is_kept = is_kept
        self.is_overtaken = False
        self.decision_id = ""

    @property
    def asked(self) -> Asked:
        return self.waiting.item

    @property
    def question(self) -> Question:
        return self.waiting.item.question

    @property
    def wanted(self) -> Wanted:
        question = self.question
        return Wanted(
            request=question.facts_request,
            now=self.now,
            reach=self.plan.reach_on(question.channel),
            request_id=question.known_by,
        )

    def answer(self, outcome: Answer | BaseException) -> None:
        if isinstance(outcome, BaseException):
            self.waiting.error = outcome
        else:
            self.waiting.result = outcome

    def settle(self, result: CommitResult | BaseException) -> None:
        """Answers, unless facts have overtaken it."""
        if isinstance(result, FactsMoved):
            self.is_overtaken = True
        else:
            self.answer(result.decision if isinstance(result, Committed) else result)


Courses = Sequence[_Course]


class Deciding:
    """Safe for several threads, each with batches of its own. What is asked must not have gone before it began."""

    def __init__(
        self,
        *,
        catalogue: Callable[[], Catalogue],
        hydrator: Hydrator,
        scoring: Scoring,
        state: StateStore,
        clock: Callable[[], datetime],
        new_id: Callable[[datetime], str],
    ) -> None:
        """`catalogue`: the one in force; a batch goes by one."""
        self._catalogue = catalogue
        self._hydrator = hydrator
        self._scoring = scoring
        self._state = state
        self._clock = clock
        self._new_id = new_id

    def decide(self, batch: AskedBatch) -> AskedBatch:
        """Answers each, or leaves its error. Returns: those that have been overtaken, to be decided anew."""
        courses = self._begun(batch)
        self._commit(self._proposed([c for c in courses if c.asked.attempts < ATTEMPTS - 1], self._hydrate))
        _apart([c for c in courses if c.asked.attempts >= ATTEMPTS - 1], self._decide_alone)
        overtaken = [course for course in courses if course.is_overtaken]
        for course in overtaken:
            course.asked.attempts += 1
        return [course.waiting for course in overtaken]

    def decide_unrecorded(self, batch: AskedBatch) -> AskedBatch:
        """Answers by what stands in for the state store; nothing is kept."""
        for course in self._proposed(self._begun(batch, is_kept=False), self._hydrate_without_state):
            course.answer(course.decision)
        return ()

    def _begun(self, batch: AskedBatch, *, is_kept: bool = True) -> Courses:
        """All by one catalogue and of one instant, which is not before any was asked."""
        plan, now, begun_s = self._catalogue().plan, self._clock(), time.monotonic()
        courses = []
        for waiting in batch:
            asked = waiting.item
            if not asked.attempts:
                asked.times.add("wait", begun_s - waiting.since_s)
            courses.append(_Course(waiting, plan, now, is_kept=is_kept and not asked.question.is_dry_run))
        return courses

    def _proposed(self, courses: Courses, hydrate: Callable[[Courses], Courses]) -> Courses:
        """Those that came to a decision."""
        with _timed(courses, "hydrate"):
            courses = hydrate(courses)
        with _timed(courses, "constrain"):
            courses = _constrained(courses)
        with _timed(courses, "score"):
            courses = self._score(courses)
        with _timed(courses, "select"):
            courses = _apart(courses, self._conclude)
        return _apart(courses, lambda course: course.asked.prepare(course.decision))

    def _hydrate(self, courses: Courses) -> Courses:
        """Those whose request is not known; one that is known is answered by what was decided then."""
        found = _together(courses, lambda some: self._hydrator.hydrate_here([course.wanted for course in some]))
        new = []
        for course, hydrated in found:
            if hydrated is None:
                _apart([course], self._repeat)
            else:
                course.hydrated = hydrated
                course.decision_id = self._new_id(course.now) if course.is_kept else ""
                new.append(course)
        return new

    def _repeat(self, course: _Course) -> None:
        question = course.question
        assert question.request_id is not None
        stored = self._state.repeat_here(question.customer_id, question.request_id, course.now)
        course.settle(FactsMoved() if stored is None else AlreadyDecided(stored=stored))  # None: released meanwhile

    def _hydrate_without_state(self, courses: Courses) -> Courses:
        found = _together(
            courses, lambda some: self._hydrator.hydrate_without_state([course.wanted for course in some])
        )
        for course, hydrated in found:
            course.hydrated = hydrated
        return [course for course, _ in found]

    def _score(self, courses: Courses) -> Courses:
        """One call of the model for all."""
        found = _together(courses, lambda some: self._scoring.score_all([_to_score(course) for course in some]))
        for course, scores in found:
            course.scores = scores
        return [course for course, _ in found]

    def _conclude(self, course: _Course) -> None:
        seed = 0 if course.is_kept or course.plan.is_plain else self._seed(course.now)
        course.decision = _concluded(
            course.draft, course.scores, course.hydrated, course.question, course.decision_id, seed
        )

    def _seed(self, now: datetime) -> int:
        """Of a decision without an id: that of one that is not kept, so that each draws anew."""
        return int.from_bytes(hashlib.sha256(self._new_id(now).encode()).digest()[:4], "big")

    def _commit(self, proposed: Courses) -> None:
        """Keeps those that are to be kept and whose callers have not gone, and answers."""
        for course in proposed:
            if not course.is_kept:
                course.answer(course.decision)
        kept = [course for course in proposed if course.is_kept and not course.waiting.is_gone]
        with _timed(kept, "commit"):
            results = self._committed(kept)
        for course, result in zip(kept, results, strict=True):
            course.settle(result)

    def _committed(self, kept: Courses) -> Sequence[CommitResult | BaseException]:
        """Done once, for nobody knows what came about where the store itself fails: an error of it is everybody's."""
        if not kept:
            return ()
        try:
            return self._state.commits_here([(course.decision, course.question.key) for course in kept])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who asked
            return [error] * len(kept)

    def _decide_alone(self, course: _Course) -> None:
        """The last attempt, in one transaction that has the customer and the pools to itself.

        What may take long comes before it: features are read and every journey of the channel is scored. Inside, rules
        and selection go over what then holds, and what survives is scored again only if that changed a feature.
        """
        plan, question = course.plan, course.question
        if not self._hydrate([course]):
            return
        before = course.hydrated
        every = [c for offered in plan.journeys.get(question.channel, ()) for c in offered.elsewhere[:1]]
        scores = self._scoring.score_here(every, before.facts, plan.arms)

        def decide(state: StateReading) -> Decision:
            hydrated = self._hydrator.merge(question.facts_request, course.now, before.reading, state)
            draft = begin(plan, hydrated.facts)
            has_same = hydrated.facts.features == before.facts.features
            found = scores if has_same else self._scoring.score_here(draft.survivors, hydrated.facts, plan.arms)
            decision = _concluded(draft, found, hydrated, question, course.decision_id)
            course.asked.prepare(decision)
            return decision

        deferred = DeferredDecision(
            decision_id=course.decision_id,
            customer_id=question.customer_id,
            decided_at=course.now,
            reach=plan.reach_on(question.channel),
            decide=decide,
            named=incidents_open_in(before.reading),
        )
        with _timed([course], "commit"):
            result = self._state.decide_alone_here(deferred, question.key)
        course.settle(result)


def _to_score(course: _Course) -> ToScore:
    return ToScore(candidates=course.draft.survivors, facts=course.draft.facts, arms=course.plan.arms)


def _constrained(courses: Courses) -> Courses:
    """Those whose rules could be judged; all are by one catalogue."""
    found = _together(courses, lambda some: begin_all(some[0].plan, [course.hydrated.facts for course in some]))
    for course, draft in found:
        course.draft = draft
    return [course for course, _ in found]


def _concluded(
    draft: Draft, scores: Scores, hydrated: HydratedFacts, question: Question, decision_id: str, seed: int = 0
) -> Decision:
    slots = draft.plan.channels[question.channel].slots
    terms = DecisionTerms(
        decision_id=decision_id,
        limit=slots if question.limit is None else question.limit,
        seed=seed,
        model_version=scores.model_version,
        features_version=hydrated.features_version,
        degraded=hydrated.degraded + scores.degraded,
    )
    survivors = [c.journey_id for c in draft.survivors]
    other = scores.other
    if other is not None:
        other = replace(other, by_journey={j: other.by_journey[j] for j in survivors})
    return conclude(draft, {j: scores.by_journey[j] for j in survivors}, terms, other)


def _apart(courses: Courses, run: Callable[[_Course], None]) -> Courses:
    """Runs it for each. Returns: those for which it did not fail."""
    well = []
    for course in courses:
        try:
            run(course)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
            course.answer(error)
        else:
            well.append(course)
    return well


def _together(courses: Courses, run: Callable[[Courses], Sequence[Result]]) -> Sequence[tuple[_Course, Result]]:
    """Runs it once for all; if it fails, for each by itself, unless the store is away, which is so for all."""
    if not courses:
        return ()
    try:
        return list(zip(courses, run(courses), strict=True))
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
        is_its_own = isinstance(error, StatementRefused) or not isinstance(error, StateUnavailable)
        if len(courses) > 1 and is_its_own:
            return [found for course in courses for found in _together([course], run)]
        for course in courses:
            course.answer(error)
        return ()


@contextmanager
def _timed(courses: Courses, step: str) -> Iterator[None]:
    """Each waits for the stage of all."""
    began_s = time.perf_counter()
    try:
        yield
    finally:
        took_s = time.perf_counter() - began_s
        for course in courses:
            course.asked.times.add(step, took_s)
