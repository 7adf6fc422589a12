"""What the rules of a company cost, as a notebook shows it; the counting is done in `training.rules`."""

from __future__ import annotations

from typing import Final

import pandas as pd

from training.log.errors import LogInvalid
from training.rules import pictures
from training.rules.funnel import funnel, together
from training.rules.log import RulesLog, read_rules_log
from training.rules.never_wins import never_wins
from training.rules.nothing_shown import nothing_shown, what_stood_between
from training.rules.overlap import overlap, pairs
from training.rules.results import results
from training.rules.withheld import withheld
from training.study.shown import Picture, Sentence, Table, or_lacking, unless_lacking
from training.study.subject import Subject

MOST: Final = 15
PERCENT: Final = ("share", "share_of_journey", "share_of_other", "rate", "low", "high")


@or_lacking
def the_log(subject: Subject) -> RulesLog:
    """Both tables of the export. Raises: LogInvalid; as `own_export`."""
    return read_rules_log(subject.log_read())


@unless_lacking
def summary(log: RulesLog) -> Sentence:
    """How many candidates there were, and which rule denies most."""
    table, candidates = funnel(log), log.candidates
    decisions = candidates["decision_id"].nunique()
    most, alone = table["denied"].idxmax(), table["alone"].idxmax()
    return Sentence(
        f"{decisions:,} decisions had {len(candidates):,} candidates, of which {len(log.denied):,} were denied. "
        f"**{most}** denies most: {table['denied'].max():,} ({table['share'].max():.0%} of all candidates). "
        f"**{alone}** denies most alone: {table['alone'].max():,}, that nothing else would have denied."
        + (f" Left out are days that one of both tables lacks: {log.days_left_out:,}." if log.days_left_out else "")
    )


@unless_lacking
def denials(log: RulesLog) -> Table:
    """The funnel."""
    return _readable(funnel(log))


@unless_lacking
def picture_of_denials(log: RulesLog) -> Picture:
    """The same, drawn."""
    return Picture(pictures.denials(funnel(log)))


@unless_lacking
def picture_of_rules_together(log: RulesLog) -> Picture:
    """Which rules deny the same candidates."""
    return Picture(pictures.grid(together(log), "Candidates that both rules deny; on the diagonal: one alone"))


@unless_lacking
def overlaps(log: RulesLog) -> Table:
    """The pairs of journeys whose audiences meet most often."""
    return _readable(pairs(log).head(MOST))


@unless_lacking
def picture_of_overlaps(log: RulesLog) -> Picture:
    """The journeys whose audiences hold most often, each with each."""
    square = overlap(log)
    order = sorted(square.index, key=lambda journey: (-square.loc[journey, journey], journey))[:MOST]
    return Picture(pictures.grid(square.loc[order, order], "Decisions in which both audiences hold"))


@unless_lacking
def journeys_never_shown(log: RulesLog) -> Table | Sentence:
    """Those, and why."""
    table = never_wins(log)
    if table.empty:
        return Sentence("Every journey that was a candidate was shown at least once.")
    return Table(table[["journey", "candidate", "denied", "allowed", "why"]].set_index("journey"))


@unless_lacking
def customers_with_nothing(log: RulesLog) -> Table:
    """Decisions that showed nothing, by channel."""
    return _readable(nothing_shown(log))


@unless_lacking
def rules_in_between(log: RulesLog) -> Table | Sentence:
    """Of those decisions, which rule alone stood in the way of something."""
    table = what_stood_between(log)
    if table.empty:
        return Sentence("No decision showed nothing because of one rule alone.")
    return _readable(table)


@unless_lacking
def dearest_rule(log: RulesLog) -> Sentence:
    """The rule that limits and withholds most."""
    table = withheld(log)
    limiting = table[table["limits"]]
    if limiting.empty or not limiting["best"].max():
        return Sentence("No rule that limits withheld anything of value by itself.")
    rule, row = str(limiting.index[0]), limiting.iloc[0]
    return Sentence(
        f"Of the rules that limit, **{rule}** withholds most: at most {row['best']:,.2f} in {row['decisions']:,} "
        f"decisions for {row['customers']:,} customers, most of it of {row['most']}."
    )


@unless_lacking
def values_withheld(log: RulesLog) -> Table:
    """By rule."""
    return Table(withheld(log).round(2))


@unless_lacking
def picture_of_values_withheld(log: RulesLog) -> Picture:
    """Of the rules that limit. Raises: LogInvalid where none denied anything alone."""
    table = withheld(log)
    if not table["limits"].any():
        raise LogInvalid("export", "no rule that limits denied anything by itself")
    return Picture(pictures.values_withheld(table))


@unless_lacking
def what_came_of_it(log: RulesLog) -> Table:
    """Conversion by journey and stage, with what the catalogue expects of the customer there."""
    table = results(log)
    return _readable(table.drop(columns=["nps_answers", "nps", "ces_answers", "ces"]))


@unless_lacking
def picture_of_rates(log: RulesLog) -> Picture:
    """The same, drawn. Raises: LogInvalid where no reward is known."""
    table = results(log)
    if not table["known"].any():
        raise LogInvalid("export", "no reward is known yet: export again once windows are over")
    return Picture(pictures.rates(table))


@unless_lacking
def answers(log: RulesLog) -> Table | Sentence:
    """NPS and CES by journey and stage, where customers were asked."""
    table = results(log)[["nps_answers", "nps", "ces_answers", "ces"]]
    asked = table[(table["nps_answers"] > 0) | (table["ces_answers"] > 0)]
    if asked.empty:
        return Sentence("No customer answered a survey (NPS, CES) in this log.")
    return Table(asked.round(1))


def _readable(table: pd.DataFrame) -> Table:
    """Shares as percentages, amounts with two digits."""
    shares = [name for name in table.columns if name in PERCENT]
    told = {name: [f"{100.0 * share:.1f} %" if share == share else "" for share in table[name]] for name in shares}
    return Table(table.assign(**told).round(2))
