"""The parts of a journey that need nothing but its document and the company's, as the values that decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from service.catalogue.bind.policies import company_instant, company_window
from service.catalogue.documents.forms import LEARNED
from service.catalogue.documents.journey import (
    ActionDocument,
    CatalogueDocument,
    CooldownDocument,
    JourneyDocument,
    ToneDocument,
)
from service.catalogue.documents.policies import PoliciesDocument
from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.journey import (
    HELPING_KINDS,
    Action,
    Journey,
    JourneyKind,
    Lever,
    Objective,
    RankBy,
    StagePlan,
)


def cooldown_of(document: JourneyDocument) -> Cooldown | None:
    cooldown = document.cooldown
    if cooldown is None:
        return None
    rests = (("REJECTED", cooldown.rejected), ("ACCEPTED", cooldown.accepted), ("CONVERTED", cooldown.converted))
    return Cooldown(
        journeys=frozenset({document.journey, *cooldown.also}),
        rests=tuple(Rest(response=response, rests=rests_for) for response, rests_for in rests if rests_for is not None),
        ignored=_ignored(cooldown, document),
    )


def _ignored(cooldown: CooldownDocument, document: JourneyDocument) -> IgnoredRest | None:
    ignored = cooldown.ignored
    if ignored is None:
        return None
    return IgnoredRest(times=ignored.times, window=document.objective.within, rests=ignored.for_)


def capacity_of(document: JourneyDocument, company: PoliciesDocument) -> Pool | None:
    capacity = document.capacity
    if capacity is None:
        return None
    return Pool(
        pool_id=f"capacity:{document.journey}",
        limit=float(capacity.units),
        window=company_window(capacity.per, company),
        journeys=frozenset({document.journey}),
    )


UNSAID_VALUE = 1.0
"""Of a learned value where no model and nothing in the catalogue tells one."""


def values_of(document: CatalogueDocument) -> Mapping[str, float]:
    """By journey, what meeting its objective is worth while no model tells.

    Of a learned value without a prior of its own, the mean of the fixed values of its kind; else of all.
    """
    of_all: list[float] = []
    of_kind: dict[JourneyKind, list[float]] = {}
    for one in document.journeys:
        if isinstance(one.objective.value, float):
            of_all.append(one.objective.value)
            of_kind.setdefault(one.kind, []).append(one.objective.value)
    return {one.journey: _value(one, of_kind.get(one.kind, of_all)) for one in document.journeys}


def _value(document: JourneyDocument, fixed: Sequence[float]) -> float:
    said = document.objective
    if isinstance(said.value, float):
        return said.value
    if said.value_prior is not None:
        return said.value_prior
    return mean(fixed) if fixed else UNSAID_VALUE


def journey_of(document: JourneyDocument, company: PoliciesDocument, value: float) -> Journey:
    """`value`: what meeting its objective is worth while no model tells."""
    lever, objective = document.lever, document.objective
    is_silence_learnt = company.silence is not None and company.silence.value == LEARNED
    return Journey(
        journey_id=document.journey,
        kind=document.kind,
        tier=document.tier,
        objective=Objective(
            within=objective.within,
            value=value,
            is_value_learnt=objective.value == LEARNED,
            rank_by=RankBy(objective.rank_by),
            is_weighed_against_silence=is_silence_learnt and document.kind not in HELPING_KINDS,
            event=objective.event,
            where=objective.where,
            outcome=objective.outcome,
        ),
        prior=company.priors[document.kind] if document.prior is None else document.prior,
        stages=tuple(StagePlan(stage=s.stage, actions=tuple(map(_action, s.actions))) for s in document.stages),
        lever=None
        if lever is None
        else Lever(weight=lever.weight, until=company_instant(lever.until, company), why=lever.why),
        attributes=document.attributes,
    )


def _action(document: ActionDocument) -> Action:
    return Action(
        action_id=document.id,
        channels=frozenset(document.channels),
        tone=document.tone.default if isinstance(document.tone, ToneDocument) else document.tone,
        placements=frozenset(document.placements),
        is_offer=document.offer,
        cost=document.cost,
        expects=document.expects,
    )
