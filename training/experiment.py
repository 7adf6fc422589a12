"""One experiment: the model over several seeds and its baselines, measured on the same test pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.encoder import Encoder, JourneyRow
from features.interactions import ModelFeatures
from features.schema import FeatureSchema
from models.baselines import ConstantRate, fit_journey_rate, fit_past_redemptions, redemptions_so_far
from models.bundle import Bundle
from models.calibration import Calibration, Vector
from models.scorer import JourneyModel, Scorer
from training.evaluate import EvaluationMetrics, evaluate
from training.fit import Examples, FittedModel, TooFewExamples, fit
from training.history import Pair, encode
from training.split import Split

OBJECTIVE = "a coupon of the campaign is redeemed within 28 days of its start"

Announce = Callable[[str], None]
"""Told what begins, for a progress display."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """One trained model and what it reached on the test pairs, with its calibration and without."""

    seed: int
    bundle: Bundle
    fitted: FittedModel
    p: Vector
    metrics: EvaluationMetrics
    uncalibrated: EvaluationMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything that was measured. `baselines` by name."""

    split: Split
    results: tuple[SeedResult, ...]
    baselines: Mapping[str, EvaluationMetrics]
    test_label: Vector

    @property
    def champion(self) -> SeedResult:
        """The first seed's: a fixed choice, so that the test period does not choose."""
        return self.results[0]


def run(
    split: Split, schema: FeatureSchema, model: ModelFeatures, seeds: Sequence[int], announce: Announce
) -> Experiment:
    """Fits and measures.

    Raises: TooFewExamples when the training or the test period holds no redemption.
    """
    for period, pairs in (("training", split.training), ("test", split.test)):
        if not any(pair.is_redeemed for pair in pairs):
            raise TooFewExamples(f"the {period} period holds no redemption among {len(pairs)} pairs")
    encoder = Encoder.fit((pair.row for pair in split.training), _journeys(split.training), schema, model)
    examples, test = encode(split.training, encoder), encode(split.test, encoder)
    results = []
    for seed in seeds:
        announce(f"model, seed {seed}")
        results.append(_one_seed(seed, encoder, examples, test, split))
    announce("baselines")
    baselines = {
        name: evaluate(test.label, probabilities(model, split.test), test.campaign)
        for name, model in fit_baselines(split.training, examples.label).items()
    }
    return Experiment(split=split, results=tuple(results), baselines=baselines, test_label=test.label)


def fit_baselines(pairs: Sequence[Pair], label: Vector) -> dict[str, JourneyModel]:
    """The models to beat, fitted on the training pairs; the rates once by journey, once by campaign type alone."""
    rates = fit_journey_rate([pair.journey for pair in pairs], label)
    return {
        "constant": ConstantRate(p=float(label.mean())),
        "journey_rate": rates,
        "campaign_type_rate": replace(rates, by_journey={}),
        "past_redemptions": fit_past_redemptions(np.array([redemptions_so_far(pair.row) for pair in pairs]), label),
    }


def probabilities(model: JourneyModel, pairs: Sequence[Pair]) -> Vector:
    """(n,) what the model would have said of each pair at its decision time, through the interface that serves."""
    return np.concatenate([model.score(pair.row, pair.decided_at, [pair.journey]) for pair in pairs])


def _one_seed(seed: int, encoder: Encoder, examples: Examples, test: Examples, split: Split) -> SeedResult:
    fitted = fit(examples, encoder.columns, encoder.categorical, seed)
    bundle = Bundle(
        model_text=fitted.booster.model_to_string(),
        encoder=encoder,
        calibration=fitted.choice.calibration,
        history=frozenset(pair.journey.journey_id for pair in split.training),
        objective=OBJECTIVE,
    )
    p = probabilities(Scorer(bundle), split.test)
    raw = probabilities(Scorer(replace(bundle, calibration=Calibration())), split.test)
    metrics = evaluate(test.label, p, test.campaign)
    return SeedResult(
        seed=seed,
        bundle=replace(bundle, metrics=metrics.as_dict()),
        fitted=fitted,
        p=p,
        metrics=metrics,
        uncalibrated=evaluate(test.label, raw, test.campaign),
    )


def _journeys(pairs: Sequence[Pair]) -> list[JourneyRow]:
    return list({pair.journey.journey_id: pair.journey for pair in pairs}.values())
