"""What the check calls impossible or unreachable is never allowed, by the core itself, over a grid of facts.

Catalogues are drawn from audiences, policies and exits that touch each other in every way; the facts hold what those
speak of, missing facts and strangers among them. What is so only for known facts (a warning) is left to those.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.values import FeatureStatus, FeatureValue
from service.catalogue.bind.catalogue import bind
from service.catalogue.check.possible import check_possible
from service.catalogue.check.under_check import catalogue_under_check
from service.catalogue.documents.journey import CatalogueDocument
from service.catalogue.documents.problems import Problems, Severity
from service.catalogue.terms import Terms
from service.decision.constrain import constrain
from service.decision.enrolments import end_enrolments
from service.decision.evaluation import Evaluation
from service.decision.facts import Consents, Enrolment, Facts, Incident, OpenIncidents, Situation
from service.decision.journey import Stage
from service.decision.plan import Plan
from service.decision.reports.event_types import BUILT_IN
from service.decision.variables import with_variables

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCHEMA = FeatureSchema(
    tuple(
        FeatureSpec(
            name=name,
            view="behaviour",
            type=kind,
            unit=unit,
            description="",
            owner="",
            personal_data=PersonalData.NONE,
            max_age_s=None,
        )
        for name, kind, unit in (
            ("recency", FeatureType.DOUBLE, "days"),
            ("baskets", FeatureType.INT, "baskets"),
            ("time_zone", FeatureType.STRING, ""),
            ("holiday_region", FeatureType.STRING, ""),
        )
    )
)
TERMS = Terms(SCHEMA, BUILT_IN)
CONDITIONS = st.sampled_from(
    [
        "customer.recency > 3.0",
        "customer.recency <= 3.0",
        "customer.recency < 1.0 || customer.baskets > 2",
        "customer.baskets == 0",
        "customer.baskets >= 1",
        "!customer.is_known",
        "customer.is_known && customer.baskets < 3",
        "situation.has_open_incident",
        "situation.open_incidents == 0",
        '"billing" in situation.open_incident_classes',
        'channel == "app"',
        'channel != "app" || customer.recency > 3.0',
        '"j" in situation.journeys',
        '!("j" in situation.journeys)',
        '"other" in situation.stages && situation.stages["other"] == "use"',
        '"gone" in situation.journeys',
    ]
)
MAYBE = st.none() | CONDITIONS


@st.composite
def documents(draw: st.DrawFn) -> CatalogueDocument:
    """Two journeys; `j`, of two stages, is the one that may be impossible."""
    allows = draw(st.sampled_from([["service"], ["service", "loyalty"]]))
    policies = {
        "channels": {"email": {"direction": "outbound"}, "app": {"direction": "inbound"}},
        "purposes": ["loyalty"],
        "incidents": {"default": allows, "classes": draw(st.sampled_from([{}, {"billing": ["service"]}]))},
        "policies": [
            {"id": f"p{i}", "require": text, "text": {"es": "a", "en": "b"}, "on_missing": draw(_ALLOW)}
            for i, text in enumerate(draw(st.lists(CONDITIONS, max_size=2)))
        ],
        "priors": dict.fromkeys(_KINDS, 0.1),
    }
    own: dict[str, object] = {
        "journey": "j",
        "kind": draw(st.sampled_from(["loyalty", "service"])),
        "consent": ["loyalty"],
    }
    own |= {"never_with": draw(st.sampled_from([[], ["other"]])), "exit_when": draw(MAYBE)}
    audience = draw(MAYBE)
    own["audience"] = None if audience is None else {"when": audience, "on_missing": draw(_ALLOW)}
    own["stages"] = [_stage("need", draw(_CHANNELS)), _stage("use", draw(_CHANNELS))]
    other = {"journey": "other", "kind": "service", "exit_when": draw(MAYBE), "stages": [_stage("use", ["app"])]}
    made = {"policies": policies, "journeys": [_REST | own, _REST | other]}
    return CatalogueDocument.model_validate(made, strict=False)


_KINDS = ("promotional", "service", "resolution", "onboarding", "feedback", "loyalty", "celebration")
_ALLOW = st.sampled_from(["deny", "deny", "allow"])
_CHANNELS = st.sampled_from([["app"], ["email"], ["app", "email"]])
_REST: dict[str, object] = {
    "title": {"es": "a", "en": "b"},
    "owner": "tests",
    "tier": 1,
    "objective": {"outcome": "CONVERTED", "within": "1d", "value": 1.0},
}


def _stage(stage: str, channels: list[str]) -> dict[str, object]:
    return {"stage": stage, "actions": [{"id": f"at-{stage}", "channels": channels, "tone": "calm", "expects": "x"}]}


def _situations() -> Iterator[Situation]:
    incidents = [
        OpenIncidents(
            known=tuple(Incident(incident_id=str(i), opened_at=NOW, incident_class=c) for i, c in enumerate(cs))
        )
        for cs in ((), ("billing",), (None,), ("theft",))
    ]
    for open_ones, j, other in product(incidents, (None, Stage.NEED, Stage.USE), (None, Stage.USE)):
        enrolled = {name: stage for name, stage in (("j", j), ("other", other)) if stage is not None}
        since = NOW - timedelta(days=1)
        yield Situation(
            incidents=open_ones,
            consents=Consents(granted_at={("loyalty", channel): since for channel in ("app", "email")}),
            enrolments={n: Enrolment(journey_id=n, stage=s, since=since) for n, s in enrolled.items()},
        )


def _features(recency: float | None, baskets: int | None) -> dict[str, FeatureValue]:
    return {
        name: FeatureValue(
            name=name,
            status=FeatureStatus.NULL if value is None else FeatureStatus.PRESENT,
            value=value,
            event_time=NOW,
        )
        for name, value in (("recency", recency), ("baskets", baskets))
    }


_ROWS = [
    *((True, _features(r, b)) for r, b in product((None, 0.5, 3.0, 9.0), (None, 0, 1, 5))),
    (False, _features(None, None)),
]
GRID = [
    Facts(now=NOW, customer_id="c", channel=channel, features=row, is_known=is_known, situation=situation)
    for (is_known, row), situation, channel in product(_ROWS, tuple(_situations()), ("app", "email"))
]


def allowed_stages(plan: Plan) -> dict[tuple[Stage, bool], None]:
    """The stages of `j` at which someone is served, and whether that was with every fact there."""
    found: dict[tuple[Stage, bool], None] = {}
    for facts in GRID:
        now, _ = end_enrolments(Evaluation(plan, with_variables(facts)))
        candidates = [c for c in plan.candidates(now.facts) if c.journey_id == "j"]
        are_there = all(value.is_present for value in facts.features.values())
        for candidate in constrain(now, candidates).allowed:
            found[candidate.stage, are_there] = None
    return found


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_what_the_check_calls_impossible_is_never_allowed(document: CatalogueDocument) -> None:
    bound, problems = bind(document, TERMS, "v"), Problems()
    assert not bound.problems
    check_possible(catalogue_under_check(bound, TERMS, NOW), problems)
    allowed = allowed_stages(bound.plan)
    for problem in problems.found:
        if problem.subject != "j" or problem.fault not in ("IMPOSSIBLE", "UNREACHABLE") or "channels" in problem.path:
            continue
        event(f"{problem.fault} {problem.severity}")
        stages = (
            list(Stage) if problem.fault == "IMPOSSIBLE" else [document.journeys[0].stages[int(problem.path[1])].stage]
        )
        for stage in stages:
            assert (stage, True) not in allowed, problem
            assert problem.severity is not Severity.ERROR or (stage, False) not in allowed, problem
    event("possible" if not problems.found else "not possible")
