"""Binds documents into a plan: rules shared, candidates indexed. All errors are found, not the first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from service.catalogue.bind.journey import JourneyBinder, SharedRules
from service.catalogue.bind.names import check_names
from service.catalogue.bind.policies import bind_channel, bind_policies
from service.catalogue.bind.selection import bind_arms, bind_exploration, bind_silence
from service.catalogue.bind.values import values_of
from service.catalogue.conditions.compile import ConditionCompiler, IncrementalCompiler, customer_types
from service.catalogue.documents.journey import CatalogueDocument, JourneyDocument
from service.catalogue.documents.patience import GoOn, always
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import Problem, Problems
from service.catalogue.terms import Terms
from service.decision.constraints.audience import policy_code
from service.decision.constraints.registry import Policies
from service.decision.plan import JourneyOnChannel, Plan
from service.decision.variables import CEL_PYTHON_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCatalogue:
    """A catalogue as it is bound, and every problem found: only if there is none, the rest is to be used.

    `policies`: what is company-wide, whether it guards anything or not. `compiler`: of all its conditions.
    """

    document: CatalogueDocument
    plan: Plan
    policies: Policies
    compiler: ConditionCompiler
    problems: list[Problem]


def bind(document: CatalogueDocument, terms: Terms, version: str) -> BoundCatalogue:
    return CatalogueBinder(terms).bind(document, version)


class CatalogueBinder:
    """Binds one catalogue after another. What is the same object as in the last one is not bound again."""

    def __init__(self, terms: Terms, *, is_kept: bool = False) -> None:
        """`is_kept`: what was once in force is bound as it was then, whatever is asked of new ones."""
        self._terms = terms
        self._is_kept = is_kept
        self._compiler: IncrementalCompiler | None = None
        self._policies: Policies | None = None
        self._kept: Mapping[str, JourneyBinder] = {}

    def bind(self, document: CatalogueDocument, version: str, go_on: GoOn = always) -> BoundCatalogue:
        """Binds a catalogue. `go_on` is called before each condition and each journey. Raises: what that raises."""
        problems, company = Problems(), document.policies
        types = customer_types(self._terms.schema, company.context)
        with IncrementalCompiler(types, self._compiler, go_on, is_kept=self._is_kept) as compiler:
            policies = bind_policies(document, self._terms.schema, compiler, problems, self._policies)
            excluded, values = _excluded_by(document), values_of(document)
            kept = [
                self._kept_of(j, company, excluded.get(j.journey, ()), values[j.journey]) for j in document.journeys
            ]
            was_checked = [binder is not None for binder in kept]
            check_names(document, self._terms.events, was_checked, problems, is_kept=self._is_kept)
            binders: list[JourneyBinder] = []
            for j, binder in zip(document.journeys, kept, strict=True):
                go_on()
                binders.append(
                    JourneyBinder(
                        j, company, policies, compiler, problems, excluded.get(j.journey, ()), values[j.journey]
                    )
                    if binder is None
                    else binder.rebound(policies, compiler, problems)
                )
        if not problems.found:
            self._compiler, self._policies = compiler, policies
            self._kept = {b.journey.journey_id: b for b in binders}
        return BoundCatalogue(
            document=document,
            plan=_plan(document, policies, binders, version, self._terms.events.latest),
            policies=policies,
            compiler=compiler,
            problems=problems.found,
        )

    def _kept_of(
        self, journey: JourneyDocument, company: PoliciesDocument, excluded: Sequence[str], value: float
    ) -> JourneyBinder | None:
        kept = self._kept.get(journey.journey)
        return kept if kept is not None and kept.is_of(journey, company, excluded, value) else None


def _plan(
    document: CatalogueDocument,
    policies: Policies,
    binders: Sequence[JourneyBinder],
    version: str,
    latest: frozenset[str],
) -> Plan:
    company = document.policies
    channels = {name: bind_channel(name, c) for name, c in company.channels.items()}
    shared = SharedRules(rule for binder in binders for rule in binder.rules)
    by_channel: dict[str, list[JourneyOnChannel]] = {name: [] for name in channels}
    for binder in binders:
        for name, offered in binder.on_channels(channels, shared).items():
            by_channel[name].append(offered)
    return Plan(
        version=version,
        rules=shared.rules,
        channels=channels,
        context_types={name: CEL_PYTHON_TYPES[t] for name, t in company.context.items()},
        journeys={name: tuple(offered) for name, offered in by_channel.items()},
        pools=(*policies.budgets, *(b.capacity for b in binders if b.capacity is not None)),
        lifetimes={b.journey.journey_id: b.lifetime for b in binders},
        texts={policy_code(p.id): p.text.model_dump() for p in company.policies},
        purposes=frozenset(company.purposes),
        latest=latest,
        zone=ZoneInfo(company.time_zone),
        exploration=bind_exploration(company.exploration),
        silence=bind_silence(company.silence),
        arms=bind_arms(company.arms),
    )


def _excluded_by(document: CatalogueDocument) -> Mapping[str, Sequence[str]]:
    """The journeys that one never goes with, whoever of the two said so: by journey that has any, sorted."""
    pairs: dict[str, set[str]] = defaultdict(set)
    for journey in document.journeys:
        for other in journey.never_with:
            pairs[journey.journey].add(other)
            pairs[other].add(journey.journey)
    return {journey: sorted(others) for journey, others in pairs.items()}
