"""What a gate takes the service to choose, against the service: on every slot of decisions of two models, by both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.encoder import Encoder, JourneyRow
from features.interactions import ModelFeatures
from features.values import FeatureStatus, FeatureValue, Scalar
from models.bundle import Bundle
from models.calibration import Calibration, CalibrationKind
from models.learnt import AMOUNT_FILE, Evidence, GuardTerms, LearntJourney, LearntPolicy, RewardKind, RewardTerms
from models.scorer import Scorer
from models.silence import SILENCE_FILE, LearntSilence, SilentRows
from service.application.scoring import Models, Scoring
from service.catalogue.load import Catalogue, parse
from service.decision.decide import DecisionTerms, begin, conclude
from service.decision.explore import NO_EXPLORATION, distribution
from service.decision.facts import Facts
from service.decision.journey import NO_JOURNEY
from service.decision.ranking import rank
from service.state.port import Committed
from tests.builders import NOW, SCHEMA, facts
from tests.contract.adapters import ADAPTERS, Store
from tests.contract.exploring import with_consent
from tests.contract.history import TERMS, exported
from tests.contract.rows import MINUTE, event
from training.log.decisions import read_choices
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.promote.served import served_policy

CUSTOMERS = 40
FEATURES = ("spend", "visits", "segment")


def _journey(journey: str, kind: str, tier: int, objective: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    stages = [
        {
            "stage": "need",
            "actions": [{"id": f"{journey}-action", "channels": ["web"], "tone": "plain", "expects": "!", **more}],
        }
    ]
    helps = kind in ("service", "resolution")
    return {
        "journey": journey,
        "title": {"es": journey, "en": journey},
        "owner": "tests",
        "kind": kind,
        "tier": tier,
        "objective": {"within": "3d", **objective},
        "stages": stages,
        **({} if helps else {"consent": ["marketing"]}),
    }


BOUGHT = {"event": "purchase"}
JOURNEYS: Sequence[dict[str, Any]] = (
    {
        **_journey("basket", "loyalty", 1, {**BOUGHT, "value": 5.0, "rank_by": "uplift"}, cost=0.5),
        "lever": {"weight": 1.5, "until": "2030-01-01", "why": "push"},
    },
    {
        **_journey("trip", "promotional", 1, {**BOUGHT, "value": "learned", "value_prior": 6.0}, cost=0.3),
        "context_weight": [{"when": "context.basket > 20.0", "weight": 0.6}],
    },
    _journey("club", "loyalty", 2, {"outcome": "ACCEPTED", "value": 4.0, "rank_by": "uplift"}, cost=0.2),
    _journey("fresh", "promotional", 2, {**BOUGHT, "value": 3.0}),
    _journey("twin-a", "promotional", 2, {"outcome": "CONVERTED", "value": 2.0}),
    _journey("twin-b", "promotional", 2, {"outcome": "CONVERTED", "value": 2.0}),
    {
        **_journey("sorry", "service", 3, {"outcome": "ENGAGED", "value": 1.0}, cost=0.5),
        "audience": "customer.visits > 6",
    },
)
SILENCES: Mapping[str, Mapping[str, Any] | None] = {
    "none": None,
    "fixed": {"value": 0.2, "threshold": 0.8, "explored": True},
    "learned": {"value": "learned", "threshold": 0.3, "explored": True},
}


def catalogue_of(silence: Mapping[str, Any] | None) -> tuple[Catalogue, str]:
    policies = {
        "channels": {"web": {"direction": "inbound", "slots": 3}},
        "priors": dict.fromkeys(
            ("promotional", "service", "resolution", "onboarding", "feedback", "loyalty", "celebration"), 0.3
        ),
        "context": {"basket": "double"},
        "purposes": ["marketing"],
        "exploration": {"default": {"scheme": "epsilon", "epsilon": 0.5}},
        "arms": {"salt": "s", "holdout": 0.1, "random": 0.2, "no_levers": 0.2, "challenger": 0.2},
        **({} if silence is None else {"silence": silence}),
    }
    source = json.dumps({"policies": policies, "journeys": list(JOURNEYS)})
    return parse(source, TERMS), source


def bundle_of(seed: int, *, known: Sequence[str], valued: Sequence[str], silent: Sequence[str]) -> Bundle:
    """Models that tell of features and journeys what chance made of them."""
    draw = np.random.default_rng(seed)
    rows = [JourneyRow(journey_id=one, kind="loyalty", attributes={}) for one in known]
    people = [features_of(i) for i in range(CUSTOMERS)]
    encoder = Encoder.fit(people, rows, SCHEMA, ModelFeatures(), features=FEATURES)
    matrix = np.concatenate([encoder.matrix(one, NOW, rows) for one in people])
    told = (matrix @ draw.normal(size=matrix.shape[1])) % 1.0 + draw.normal(0.0, 0.3, len(matrix))

    def text(label: np.ndarray[Any, Any], objective: str) -> str:
        table = lightgbm.Dataset(matrix, label, feature_name=list(encoder.columns), params={"verbose": -1})
        settings = {"objective": objective, "num_leaves": 8, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
        return lightgbm.train({**settings, "seed": seed}, table, num_boost_round=15).model_to_string()

    texts = {AMOUNT_FILE: text(np.log1p(np.abs(told) * 8.0), "regression")} if valued else {}
    if silent:
        texts[SILENCE_FILE] = text((draw.random(len(matrix)) < told / 2.0).astype(float), "binary")
    silence = LearntSilence(
        journeys=tuple(silent),
        learnt_from=SilentRows.ALL,
        customers=1,
        decisions=1,
        pairs=1,
        met=1,
        calibration=Calibration(),
    )
    policy = LearntPolicy(
        journeys=tuple(
            LearntJourney(journey_id=one, kind="loyalty", rows=10, factor=1.0 if one in valued else None)
            for one in known
        ),
        reward=RewardTerms(kind=RewardKind.TWO_PART if valued else RewardKind.BINARY, factor=1.0, loss="", is_log=True),
        guard=GuardTerms(order=tuple(known), margin=0.0, gain=0.0, se=0.0, unguarded_gain=0.0, unguarded_se=0.0),
        evidence=_nothing(len(known)),
        folds="",
        texts=texts,
        silence=silence if silent else None,
    )
    return Bundle(
        model_text=text((draw.random(len(matrix)) < told).astype(float), "binary"),
        encoder=encoder,
        calibration=Calibration(kind=CalibrationKind.PLATT, intercept=-0.5, slope=1.0),
        history=frozenset(known),
        objective="any",
        metrics={},
        policy=policy,
    )


def _nothing(journeys: int) -> Evidence:
    none = np.empty((0, journeys), dtype=np.float32)
    codes = np.empty(0, dtype=np.int32)
    return Evidence(
        values=none,
        scores=none,
        eligible=none.astype(np.bool_),
        customer=codes,
        shown=codes,
        propensity=np.empty(0, dtype=np.float64),
    )


def features_of(customer: int) -> dict[str, FeatureValue]:
    draw = np.random.default_rng(customer)
    told: dict[str, Scalar] = {
        "spend": float(draw.gamma(2.0, 50.0)),
        "visits": int(draw.poisson(5.0)),
        "segment": str(draw.choice(["a", "b", "c"])),
    }
    return {
        name: FeatureValue(name=name, status=FeatureStatus.PRESENT, value=value, event_time=NOW)
        for name, value in told.items()
        if name != "spend" or customer % 7  # some have none
    }


CHAMPION = bundle_of(
    1, known=("trip", "basket", "club", "twin-b", "twin-a", "sorry"), valued=("trip",), silent=("basket", "trip")
)
CHALLENGERS: Mapping[str, Bundle] = {
    "knows more": bundle_of(
        2,
        known=("fresh", "sorry", "twin-a", "basket", "trip", "club"),
        valued=("trip",),
        silent=("trip", "fresh", "basket"),
    ),
    "tells no value and nothing of silence": bundle_of(3, known=("basket", "trip", "twin-a"), valued=(), silent=()),
    "knows one journey": bundle_of(4, known=("club",), valued=(), silent=()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Decisions of two models, exported; `facts` by decision."""

    log: Path
    facts: Mapping[str, Facts]


async def play(state: Store, catalogue: Catalogue, source: str, challenger: Bundle, folder: Path) -> Played:
    """A decision or two of each customer, of all arms."""
    await state.keep_catalogue(catalogue.version, source)
    scoring, plan, seen = Scoring(None), catalogue.plan, dict[str, Facts]()
    scoring.use(Models(champion=Scorer(CHAMPION), challenger=Scorer(challenger)))
    for i in range(CUSTOMERS):
        grant = event(f"g{i}", "consent.granted", NOW, customer_id=str(i), purpose="marketing", channel="web")
        await state.record_events([grant], NOW)
        now, decision_id = NOW + (i + 1) * MINUTE, f"d{i}"
        reading = await state.situation(str(i), now, plan.reach_on("web"))
        asked = facts(
            now=now, situation=reading.situation, features=features_of(i).values(), context={"basket": float(i % 40)}
        )
        known = with_consent(replace(asked, customer_id=str(i)))
        draft = begin(plan, known)
        scores = scoring.score_here(draft.survivors, known, plan.arms)
        terms = DecisionTerms(decision_id=decision_id, limit=3, model_version=scores.model_version)
        decision = conclude(draft, scores.by_journey, terms, scores.other)
        result = await state.commit(decision, None)
        assert isinstance(result, Committed)
        seen[decision_id] = known
    scoring.close()
    await exported(state, folder, NOW + timedelta(days=30))
    return Played(log=folder, facts=seen)


def chosen_by(bundle: Bundle, catalogue: Catalogue, known: Facts, left: set[str]) -> str:
    """By the service: the best of what is left, or silence."""
    scoring, plan = Scoring(Scorer(bundle)), catalogue.plan.undrawn
    draft = begin(plan, known)
    scores = scoring.score_here(draft.survivors, known)
    scoring.close()
    assert not scores.degraded
    ranked = [one for one in rank(draft.survivors, scores.by_journey, draft.evaluation).own if one.journey_id in left]
    found = distribution(ranked, NO_EXPLORATION, plan.silence)
    return found.options[found.best] or NO_JOURNEY


@pytest.mark.parametrize(
    ("silence", "challenger"),
    [
        ("none", "tells no value and nothing of silence"),
        ("fixed", "knows more"),
        ("learned", "knows more"),
        ("learned", "knows one journey"),
    ],
)
async def test_what_is_judged_is_what_the_service_would_choose_in_every_slot(
    tmp_path: Path, silence: str, challenger: str
) -> None:
    catalogue, source = catalogue_of(SILENCES[silence])
    (tmp_path / "state").mkdir()
    state = await ADAPTERS["sqlite"](tmp_path / "state")
    try:
        played = await play(state, catalogue, source, CHALLENGERS[challenger], tmp_path / "log")
    finally:
        await state.close()
    table: pa.Table = LogFiles(played.log).read({"decision_id", "journey_id", "rank"}).table
    chosen = set[str]()
    for bundle in (CHAMPION, CHALLENGERS[challenger]):
        policy = served_policy(bundle, Path("version"), played.log, catalogue.plan)
        assert policy is not None
        sets = read_choices(played.log, LogColumns(features=("visits",)), policy.journeys)
        compared = []
        for i, row in enumerate(table.to_pylist()):
            left = {name for name, has in zip(sets.journeys, sets.eligible[i], strict=True) if has} - {NO_JOURNEY}
            expected = chosen_by(bundle, catalogue, played.facts[row["decision_id"]], left)
            compared.append((expected, policy.journeys[int(policy.probability[i].argmax())]))
        assert len(compared) > 1.5 * CUSTOMERS
        assert [one for one in compared if one[0] != one[1]] == []
        chosen |= {expected for expected, _ in compared}
    assert len(chosen - {NO_JOURNEY}) >= 4
    assert (NO_JOURNEY in chosen) == (silence != "none")


async def test_decisions_of_which_an_order_is_not_told_are_no_matter_before_what_is_judged(tmp_path: Path) -> None:
    """Of a catalogue that binds no longer: the rows that are asked for decide whether the log says enough."""
    catalogue, source = catalogue_of(None)
    (tmp_path / "state").mkdir()
    state = await ADAPTERS["sqlite"](tmp_path / "state")
    try:
        played = await play(state, catalogue, source, CHALLENGERS["knows more"], tmp_path / "log")
    finally:
        await state.close()
    (file,) = played.log.glob("day=*/*.parquet")
    table = pq.read_table(file, partitioning=None)
    first = [row["decision_id"] == "d0" for row in table.select(["decision_id"]).to_pylist()]
    sets = [
        [{**entry, "tier": None} for entry in row["eligible"]] if is_first else row["eligible"]
        for is_first, row in zip(first, table.select(["eligible"]).to_pylist(), strict=True)
    ]
    at, kind = table.schema.get_field_index("eligible"), table.schema.field("eligible")
    pq.write_table(table.set_column(at, kind, pa.array(sets, kind.type)), file)
    assert any(first)
    assert served_policy(CHAMPION, Path("version"), played.log, catalogue.plan) is None
    decided_at = NOW + MINUTE
    assert served_policy(CHAMPION, Path("version"), played.log, catalogue.plan, decided_at - MINUTE) is None
    policy = served_policy(CHAMPION, Path("version"), played.log, catalogue.plan, decided_at)
    assert policy is not None
    assert policy.covered.tolist() == [not one for one in first]
