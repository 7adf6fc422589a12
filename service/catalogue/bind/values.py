"""The parts of a journey that need nothing but its document and the company's, as the values that decide."""

from __future__ import annotations

from service.catalogue.bind.policies import company_instant, company_window
from service.catalogue.documents.journey import ActionDocument, CooldownDocument, JourneyDocument, ToneDocument
from service.catalogue.documents.policies import PoliciesDocument
from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.journey import Action, Journey, Lever, Objective, StagePlan


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


def journey_of(document: JourneyDocument, company: PoliciesDocument) -> Journey:
    lever, objective = document.lever, document.objective
    return Journey(
        journey_id=document.journey,
        kind=document.kind,
        tier=document.tier,
        objective=Objective(
            within=objective.within,
            value=objective.value,
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
