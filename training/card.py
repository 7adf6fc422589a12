"""The card of a model, as Markdown: what it learnt from and for whom, how well it does, and what it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.learnt import LearntPolicy, RewardKind
from training.from_log import Extent, Trained
from training.learn.measures import MODEL
from training.learn.slices import DOUBT, MIN_CUSTOMERS, MIN_ROWS, Figures, Role, Slices

CARD = "card.md"
MOST_JOURNEYS = 40
MINUTES = "datetime64[m]"
HEADINGS = {
    "loss": "loss of the reward ↓",
    "auc": "AUC ↑",
    "auc_within": "AUC within ↑",
    "ndcg_within": "NDCG within ↑",
    "log_loss": "log loss ↓",
    "brier": "Brier ↓",
}
SLICED = (
    "rows",
    "rate",
    "expected",
    "observed ÷ expected [95 %]",
    "AUC ↑",
    "log loss ↓",
    "calibration error (by chance)",
)
USES = {
    RewardKind.BINARY: "the probability that the objective is met, and what it is worth then",
    RewardKind.TWO_PART: "the probability that the objective is met, and how much it is worth to whom",
    RewardKind.MEAN: "the mean reward, and no probability",
}


def card_of(trained: Trained, *, at_most: int | None = None) -> str:
    """The sections in order of weight; with `at_most` characters, those that fit whole, and a word on the rest."""
    sections = ["\n".join([*section, ""]) for section in _sections(trained)]
    whole = "\n".join(sections)
    if at_most is None or len(whole) <= at_most:
        return whole
    rest = f"*Shortened: all of it is `{CARD}` of the run.*\n"
    kept: list[str] = []
    for section in sections:
        if sum(len(one) + 1 for one in [*kept, section]) + len(rest) <= at_most:
            kept.append(section)
    return "\n".join([*kept, rest])[:at_most]


def _sections(trained: Trained) -> Iterator[list[str]]:
    policy = trained.bundle.policy
    assert policy is not None
    yield [f"# Model {trained.bundle.version}", "", *_in_short(trained, policy)]
    yield ["## Measured", "", *_measured(trained)]
    yield ["## Learnt from", "", *_learnt_from(trained)]
    yield ["## Silence", "", *_silence(trained)]
    yield ["## Fairness", "", *_fairness(trained)]
    yield ["## Use and limits", "", *_limits(trained, policy)]
    yield ["## How to read it", "", *_reading(is_of_p_met=trained.judged.p_met is not None)]
    yield ["## Left out", "", *([f"- {notice}" for notice in trained.notices] or ["Nothing."])]
    parity = [f"- {line}" for line in trained.parity.lines()]
    yield ["## Parity", "", *(parity or ["No row of the log was scored by a model."])]
    yield ["## By slice", "", *_by_slice(trained)]
    yield ["## Journeys", "", *_journeys(policy)]
    yield ["## Columns", "", ", ".join(f"`{name}`" for name in trained.bundle.encoder.columns)]


def _in_short(trained: Trained, policy: LearntPolicy) -> Iterator[str]:
    yield f"Objective: {trained.bundle.objective}. It tells {USES[policy.reward.kind]}."
    yield ""
    yield f"**Beside the best constant.** {_guard(policy)}"
    yield ""
    of_all = trained.figures
    off = "beyond chance" if of_all.is_off else "no more than chance makes it"
    if of_all.observed_to_expected == of_all.observed_to_expected:
        yield (
            f"**Calibration.** {_ratio(of_all)} times as {_much(trained)} as was expected ({off}); the calibration "
            f"error is {_calibration(of_all)}."
        )


def _much(trained: Trained) -> str:
    """What its calibration is of."""
    return "much came" if trained.judged.p_met is None else "often it was met"


def _guard(policy: LearntPolicy) -> str:
    """In words; the policy is that of `rumbo score`, the service orders by its own rules."""
    guard = policy.guard
    best = f"`{guard.order[0]}`"
    if guard.margin is None:
        return f"No gain over {best} for everyone is proven, so that is the policy."
    gain = f"{guard.gain:+.4g} ± {1.96 * guard.se:.2g} (95 %) a row"
    if not guard.is_guarded:
        return f"{best} is left wherever more is expected, proven or not: {gain}."
    return f"{best} is left where {guard.margin:.4g} more is expected: {gain}, on rows that no model had seen."


def _measured(trained: Trained) -> Iterator[str]:
    how = "held out, decided later" if trained.is_held_out else "each told by a model that had not seen it"
    yield f"On {trained.measured_on.rows:,} rows, {how}:"
    yield ""
    yield from _table(
        ("", *HEADINGS.values()),
        [
            [f"**{name}**" if name == MODEL else name, *(_number(found.as_dict()[key]) for key in HEADINGS)]
            for name, found in trained.judged.by_name.items()
        ],
    )


def _learnt_from(trained: Trained) -> Iterator[str]:
    policy = trained.bundle.policy
    assert policy is not None
    yield f"`{trained.log.name}`, sha256 `{trained.fingerprint}`; parts kept apart: {policy.folds}."
    yield ""
    parts = {"learnt from": trained.learnt_from, "measured on": trained.measured_on}
    yield from _table(
        ("", "rows", "customers", "first (UTC)", "last (UTC)", "drawn"),
        [[name, *_extent(part)] for name, part in parts.items()],
    )
    yield ""
    yield (
        f"{trained.left_out:,} rows were still open when those held out began and are left out; "
        f"{trained.without_reward:,} have no reward that is known yet. "
        f"Journeys with history: {len(trained.bundle.history)}."
    )


def _silence(trained: Trained) -> Iterator[str]:
    yield f"How probable it is that an objective is met although nothing is shown. {trained.about_silence}"


def _extent(part: Extent) -> list[str]:
    times = [str(at.astype(MINUTES)).replace("T", " ") for at in (part.first, part.last)]
    return [f"{part.rows:,}", f"{part.customers:,}", *times, f"{part.drawn:.1%}"]


def _limits(trained: Trained, policy: LearntPolicy) -> Iterator[str]:
    yield "Made to order the journeys that a customer may have. Which those are, rules decide: this model never does."
    yield ""
    drawn = trained.learnt_from.drawn
    if drawn == 0.0:
        yield (
            "- **Nothing in the log was drawn by chance** (every propensity is 1): it says what a journey brought to "
            "those to whom it was shown, not what another would have brought. It proves no gain of one over another."
        )
    elif drawn < 1.0:
        yield f"- Only {drawn:.1%} of the rows were drawn by chance: the others tell nothing of other journeys."
    yield (
        "- Journeys that were never shown have no history: the service orders them by their owners' priors, `rumbo "
        "score` by what those of their kind bring."
    )
    yield (
        f"- It knows {trained.learnt_from.customers:,} customers, as they were chosen for the log. Of customers unlike "
        "them (new ones, another country, those whom rules kept out) its figures say nothing."
    )
    yield f"- It ends with {trained.learnt_from.last.astype('datetime64[D]')!s}: what has changed since is not in it."
    if policy.reward.kind is RewardKind.MEAN:
        yield "- It tells no probability, so the service cannot rank by it."
    yield "- That a contact changes what the customer may have, or wants, later (caps, fatigue) is in no figure here."


def _reading(*, is_of_p_met: bool) -> Iterator[str]:
    if is_of_p_met:
        yield (
            "- Every figure is of the probability that the objective is met, by which the service ranks; only the loss "
            "of the reward, and the gain over the best constant, are of what that is worth."
        )
    yield "- **AUC**: how often a row with a reward is ranked above one without; 0.5 is chance. *Within*: a group."
    yield (
        "- **Log loss, Brier, loss of the reward**: how far what was expected lies from what came; compare with the "
        "others."
    )
    yield "- **Drawn**: the share of rows where chance had a part in what was shown (propensity below 1)."
    yield "- **Observed ÷ expected**: above 1 more came than was expected. Rows of one customer count as one draw."
    yield (
        "- **Calibration error**: mean distance of expected and observed in ten groups of equally many rows. It is "
        "never 0: in brackets what a model without any error would show on so many rows."
    )
    yield (
        f"- A slice of fewer than {MIN_ROWS} rows, or of fewer than {MIN_CUSTOMERS} customers, is too small: every "
        "figure of it would be chance, so none is told."
    )


def _by_slice(trained: Trained) -> Iterator[str]:
    shown = [one for one in trained.slices if one.role is not Role.SENSITIVE]
    if not shown:
        yield "The log has neither kind nor channel, and no segment was named (`training.slices`, `--slice`)."
    for one in shown:
        yield from _slice_table(one)


def _fairness(trained: Trained) -> Iterator[str]:
    shown = [one for one in trained.slices if one.role is Role.SENSITIVE]
    if not shown:
        yield "The log has no feature of the class `sensitive`: nothing can be told of how it treats whom."
        return
    yield (
        "Sensitive features are read for this table, whether the model has a column of them or not. Having none is no "
        "proof of fairness: other columns may stand for it. What counts is whether what is expected comes true alike."
    )
    yield ""
    for one in shown:
        yield f"- {fairness_line(one)}"
    yield ""
    for one in shown:
        yield from _slice_table(one)


def fairness_line(one: Slices) -> str:
    """What a sensitive feature's slices come to, in a sentence."""
    seen = "the model has a column of it" if one.is_seen else "no column of the model"
    told = [(level, figures) for level, figures in one.told if np.isfinite(figures.observed_to_expected)]
    if len(told) < 2:
        return f"**{one.by}** ({seen}): fewer than two levels have rows enough, so nothing can be compared."
    low, high = (pick(told, key=lambda found: found[1].observed_to_expected) for pick in (min, max))
    ends = f"from {_ratio(low[1])} for {low[0].level} to {_ratio(high[1])} for {high[0].level}"
    if one.are_alike:
        by_chance = f"no more apart than by chance (p = {one.p_alike:.2g})"
        return f"**{one.by}** ({seen}): observed ÷ expected lies {ends}, {by_chance}."
    beyond = f"**levels differ beyond chance** (p = {one.p_alike:.2g}, below {DOUBT:g})"
    return f"**{one.by}** ({seen}): {beyond}: observed ÷ expected lies {ends}."


def _slice_table(one: Slices) -> Iterator[str]:
    yield f"**{one.by}**"
    yield ""
    yield from _table(("", *SLICED), [[level.level, *_cells(level.rows, level.figures)] for level in one.levels])
    yield ""


def _cells(rows: int, found: Figures | None) -> list[str]:
    if found is None:
        return [f"{rows:,}", "too small", *[""] * (len(SLICED) - 2)]
    interval = f"{_ratio(found)} [{found.observed_to_expected_low:.2f}, {found.observed_to_expected_high:.2f}]"
    return [
        f"{rows:,}",
        f"{found.rate:.1%}",
        _number(found.expected),
        interval if np.isfinite(found.observed_to_expected) else "",
        _number(found.auc),
        _number(found.log_loss),
        _calibration(found),
    ]


def _journeys(policy: LearntPolicy) -> Iterator[str]:
    shown = (journey for journey in policy.journeys if journey.rows)
    ranked = sorted(shown, key=lambda journey: (-journey.rows, journey.journey_id))
    yield from _table(
        ("journey", "kind", "rows"),
        [[f"`{one.journey_id}`", one.kind, f"{one.rows:,}"] for one in ranked[:MOST_JOURNEYS]],
    )
    if len(ranked) > MOST_JOURNEYS:
        yield ""
        yield f"And {len(ranked) - MOST_JOURNEYS:,} others with fewer rows."


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Of Markdown; numbers to the right."""
    yield f"| {' | '.join(headings)} |"
    yield f"|---|{'---:|' * (len(headings) - 1)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |"


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else ""


def _ratio(found: Figures) -> str:
    return f"{found.observed_to_expected:.2f}"


def _calibration(found: Figures) -> str:
    by_chance = f" ({found.ece_by_chance:.3f})" if np.isfinite(found.ece_by_chance) else ""
    return f"{found.ece:.3f}{by_chance}"
