"""Past decisions decided again by another model: whether a constraint would have been violated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from service.application.catalogues import KeptCatalogues
from service.application.scoring import Model, Models, Scoring
from service.bootstrap.clock import system_clock
from service.bootstrap.company import catalogue_of, company_of, terms_known
from service.bootstrap.store import state_store
from service.catalogue.load import load
from service.decision.constrain import constrain
from service.decision.decide import Decision, OtherScores, conclude
from service.decision.facts_record import Json
from service.decision.plan import Plan
from service.decision.record import replay
from service.decision.select import contact_of
from service.settings import Settings
from service.state.engines.session import Sql, micros
from service.state.port import IMPORTED
from service.state.rows.record import record_of

MOST: Final = 2_000
"""The latest decisions are replayed, up to so many: some milliseconds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many decisions were decided again, what was shown although a rule denies it (decision, journey), and in how
    many the model failed to score.
    """

    decisions: int
    violations: tuple[tuple[str, str], ...]
    unscored: int


def replayed_by(company: Path, home: Path, model: Model, since: datetime, most: int = MOST) -> Replayed | None:
    """The latest decisions from `since` on, by the facts, rules and catalogue of then, and the scores of `model`.

    None where the home has no store of its own, nor names one. Raises: StateUnavailable, CatalogueInvalid,
    CatalogueLost, RecordFormatUnknown.
    """
    settings = Settings(company=company, home=home)
    if settings.state_url is None and not settings.state_file.is_file():
        return None
    return asyncio.run(_replayed_by(settings, model, since, most))


async def _replayed_by(settings: Settings, model: Model, since: datetime, most: int) -> Replayed:
    company = company_of(settings)
    terms = terms_known(settings, company)
    question = Sql(
        "SELECT decision_id, record FROM decisions WHERE decided_at >= ? ORDER BY decided_at DESC LIMIT ?",
        (micros(since), most),
    )
    async with state_store(settings, company.situation) as state:
        records = await state.engine.scan(
            question, lambda _, chunks: [record_of(row) for chunk in chunks for row in chunk]
        )
        kept = KeptCatalogues(load(catalogue_of(settings, company), terms), terms, state, system_clock)
        scoring = Scoring(None)
        scoring.use(Models(champion=model))
        try:
            count, unscored, found = 0, 0, []
            for record in records:
                if IMPORTED in record:
                    continue
                recorded: Json = record["input"]
                plan = (await kept.of_version(recorded["catalogue_version"])).plan
                decision, has_scored = _decided_by(plan, recorded, scoring)
                count, unscored = count + 1, unscored + (not has_scored)
                found += [(decision.terms.decision_id, journey) for journey in violations(decision)]
        finally:
            scoring.close()
    return Replayed(decisions=count, violations=tuple(found), unscored=unscored)


def _decided_by(plan: Plan, recorded: Json, scoring: Scoring) -> tuple[Decision, bool]:
    """By the model for everybody, whatever arm they are in."""
    then = replay(plan, recorded)
    scores = scoring.score_here(then.draft.survivors, then.facts)
    other = OtherScores(model_version=scores.model_version, by_journey=scores.by_journey, is_shown=True)
    terms = replace(then.terms, model_version=scores.model_version)
    return conclude(then.draft, scores.by_journey, terms, other), not scores.degraded


def violations(decision: Decision) -> Iterator[str]:
    """The journeys that fill a slot although, by every rule, with the picks before them, they are denied."""
    facts, channel = decision.facts, decision.plan.channels[decision.facts.channel]
    survivors = {candidate.journey_id for candidate in decision.draft.survivors}
    for place, pick in enumerate(decision.picks):
        earlier = [contact_of(p.scored, facts, channel, decision.terms.decision_id) for p in decision.picks[:place]]
        seen = decision.evaluation.with_facts(facts.with_contacts(facts.situation.contacts, tuple(earlier)))
        if pick.journey_id not in survivors or not constrain(seen, (pick.candidate,)).allowed:
            yield pick.journey_id
