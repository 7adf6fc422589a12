"""COOLDOWN: after an answer, or after being ignored, a journey leaves the customer alone for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import ClassVar

from features.values import Scalar
from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts, Response, SituationPart
from service.decision.verdict import ALLOWED, Observation, Verdict, deny
from service.decision.windows import LOOKBACK

_Placed = tuple[datetime, bool]
"""Where a contact stands in the row, and whether it was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How long to rest after a response of this type (`REJECTED`, `ACCEPTED`, `CONVERTED`)."""

    response: str
    rests: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredRest:
    """A rest of `rests` after the last `times` presented contacts in a row went unanswered for `window` each.

    An answer ends the row at once, also while the windows of earlier contacts are still open. A window begins when the
    contact was first presented. In the row stands an answered contact where it was presented first, another where it
    was presented last: so no report that one was presented once more ends a rest, only an answer does.
    """

    times: int
    window: timedelta
    rests: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """Denies while the customer's last response to one of `journeys` (the journey and its relatives) is too recent."""

    journeys: frozenset[str]
    rests: tuple[Rest, ...]
    ignored: IgnoredRest | None
    code: ClassVar[str] = "COOLDOWN"
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.RESPONSES, SituationPart.CONTACTS)

    @property
    def subjects(self) -> frozenset[str]:
        return self.journeys

    @property
    def span(self) -> Span:
        """Where one ignored contact is enough, it is not older than its rest; a row of them may go back for ever."""
        ignored, rests = self.ignored, max((rest.rests for rest in self.rests), default=timedelta(0))
        if ignored is None:
            return Span(responses=rests)
        return Span(contacts=ignored.window + ignored.rests if ignored.times == 1 else LOOKBACK, responses=LOOKBACK)

    def named(self, journey_id: str) -> str:
        return f"{self.code} {journey_id}"

    def denies(self, evaluation: Evaluation) -> bool:
        return self._longest(evaluation, evaluation.facts.now) is not None

    def check(self, evaluation: Evaluation) -> Verdict:
        found = self._longest(evaluation, evaluation.facts.now)
        if found is None:
            return ALLOWED
        ends, after, journey_id = found
        while (later := self._longest(evaluation, ends)) is not None:
            ends = later[0]
        return deny(self.code, eligible_after=ends, after=after, journey=journey_id)

    def seen(self, evaluation: Evaluation) -> Observation:
        facts = evaluation.facts
        answers = {r.type: facts.now - r.at for r in facts.situation.responses if r.journey_id in self.journeys}
        rests: dict[str, Scalar] = {rest.response: int(rest.rests.total_seconds()) for rest in self.rests}
        return Observation(observed={"responses": len(answers)}, limits=rests, ages=answers)

    def _longest(self, evaluation: Evaluation, at: datetime) -> tuple[datetime, str, str] | None:
        """The rest that ends last among those under way at `at`: its end, what it follows, of which journey."""
        resting = (*self._answered(evaluation), *self._unanswered(evaluation, at))
        running = [rest for rest in resting if rest[0] > at]
        return max(running, default=None)

    def _answered(self, evaluation: Evaluation) -> Iterable[tuple[datetime, str, str]]:
        if not evaluation.facts.situation.responses:
            return
        responses = evaluation.once(_responses)
        for journey_id in self.journeys:
            for response in responses.get(journey_id, ()):
                for rest in self.rests:
                    if rest.response == response.type:
                        yield response.at + rest.rests, rest.response, journey_id

    def _unanswered(self, evaluation: Evaluation, at: datetime) -> Iterable[tuple[datetime, str, str]]:
        ignored = self.ignored
        if ignored is None:
            return
        responses = evaluation.once(_responses)
        for journey_id in self.journeys:
            shown = [c for c in evaluation.contacts.of_journey(journey_id) if c.is_presented]
            if len(shown) < ignored.times:
                continue
            answers = responses.get(journey_id, ())
            answered, others = list[_Placed](), list[_Placed]()
            for contact in shown:
                if _is_answered(contact, answers, ignored.window):
                    answered.append((contact.first_at, True))
                elif contact.first_at + ignored.window <= at:
                    others.append((contact.at, False))
            row = sorted(answered + others, key=itemgetter(0))[-ignored.times :]
            if len(row) == ignored.times and not any(is_answered for _, is_answered in row):
                yield row[-1][0] + ignored.window + ignored.rests, "ignored", journey_id


def _responses(facts: Facts) -> Mapping[str, Sequence[Response]]:
    """By journey."""
    found = defaultdict[str, list[Response]](list)
    for response in facts.situation.responses:
        found[response.journey_id].append(response)
    return found


def _is_answered(contact: Contact, answers: Iterable[Response], window: timedelta) -> bool:
    return any(r.decision_id == contact.decision_id and r.at <= contact.first_at + window for r in answers)
