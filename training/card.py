"""The card of a model: what it was learnt from, what it may be used for, and how well it does."""

from __future__ import annotations

from collections.abc import Iterator

from training.from_log import Trained

CARD = "card.md"


def card_of(trained: Trained) -> str:
    """As Markdown."""
    return "\n".join(_lines(trained)) + "\n"


def _lines(trained: Trained) -> Iterator[str]:
    bundle, policy = trained.bundle, trained.bundle.policy
    assert policy is not None
    yield f"# Model {bundle.version}"
    yield ""
    yield f"Objective: {bundle.objective}. Trained on {trained.trained:,} rows, measured on {trained.tested:,}."
    yield f"{trained.left_out:,} rows were left out, and {trained.without_reward:,} have no reward that is known yet."
    yield f"Folds: {policy.folds}. Rewards: {policy.reward.kind}, by the loss {policy.reward.loss}."
    guard = policy.guard
    margin = "never" if guard.margin is None else f"where {guard.margin:.4g} more is expected"
    proven = "" if guard.is_guarded else ", proven or not"
    yield f"It leaves the best constant ({guard.order[0]}) {margin}{proven}: {guard.gain:+.4g} ± {guard.se:.2g} a row."
    yield ""
    yield "## Left out"
    yield ""
    yield from [f"- {notice}" for notice in trained.notices] or ["Nothing."]
    yield ""
    yield "## Parity"
    yield ""
    yield from [f"- {line}" for line in trained.parity.lines()] or ["No row of the log was scored by a model."]
    yield ""
    yield "## Measured"
    yield ""
    for name, measured in trained.judged.by_name.items():
        figures = ", ".join(f"{key} {value:.4g}" for key, value in measured.as_dict().items() if value == value)
        yield f"- {name}: {figures}"
    yield ""
    yield f"Columns: {', '.join(bundle.encoder.columns)}."
