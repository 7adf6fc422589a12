"""`rank_by: uplift` and `silence: {value: learned}`: what is refused, what is bound, which version they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.catalogue.cases.run import read_cases, run
from service.catalogue.load import Catalogue, CatalogueInvalid, load
from service.catalogue.terms import Terms
from service.decision.explore import Silence
from service.decision.journey import HELPING_KINDS, Objective, RankBy

FILE = "journeys/pizza-night.yaml"
ID = "pizza-night"
EVENT = "{event: purchase, within: 28d, value: 5.5"


def say(folder: Path, objective: str) -> None:
    source = (folder / FILE).read_text(encoding="utf-8")
    line = next(line for line in source.splitlines() if line.startswith("objective:"))
    (folder / FILE).write_text(source.replace(line, f"objective: {objective}"), encoding="utf-8")


def say_silence(folder: Path, silence: str) -> None:
    policies = folder / "policies.yaml"
    policies.write_text(policies.read_text(encoding="utf-8") + f"\nsilence: {silence}\n", encoding="utf-8")


def objectives(catalogue: Catalogue) -> dict[str, tuple[Objective, bool]]:
    """By journey, with whether it helps."""
    offered = (one.journey for listed in catalogue.plan.journeys.values() for one in listed)
    return {j.journey_id: (j.objective, j.kind in HELPING_KINDS) for j in offered}


def test_an_objective_is_ranked_by_its_outcome_unless_it_says_uplift(folder: Path, terms: Terms) -> None:
    for said, rank_by in (
        ("", RankBy.OUTCOME),
        (", rank_by: outcome", RankBy.OUTCOME),
        (", rank_by: uplift", RankBy.UPLIFT),
    ):
        say(folder, f"{EVENT}{said}}}")
        objective, _ = objectives(load(folder, terms))[ID]
        assert (objective.rank_by, objective.asks_of_silence) == (rank_by, rank_by is RankBy.UPLIFT)


def test_an_outcome_may_be_ranked_by_uplift_and_no_model_is_asked_of_it(folder: Path, terms: Terms) -> None:
    say(folder, "{outcome: CONVERTED, within: 28d, value: 5.5, rank_by: uplift}")
    objective, _ = objectives(load(folder, terms))[ID]
    assert (objective.counts_silence, objective.asks_of_silence) == (True, False)


@pytest.mark.parametrize("word", ["uplifted", "lift", "1", "true"])
def test_another_word_is_refused_where_it_stands(word: str, folder: Path, terms: Terms) -> None:
    say(folder, f"{EVENT}, rank_by: {word}}}")
    with pytest.raises(CatalogueInvalid) as raised:
        load(folder, terms)
    (located,) = raised.value.located
    assert located.startswith(f"{FILE}:7:")
    assert "rank_by" in located


def test_only_what_says_uplift_gets_another_version(folder: Path, terms: Terms) -> None:
    """A catalogue of before has no such field; one that says the default is the same catalogue."""
    versions = {}
    for said in ("", ", rank_by: outcome", ", rank_by: uplift"):
        say(folder, f"{EVENT}{said}}}")
        loaded = load(folder, terms)
        versions[said] = loaded.plan.version
        assert ("rank_by" in loaded.document.canonical) == (said == ", rank_by: uplift")
    assert versions[""] == versions[", rank_by: outcome"] != versions[", rank_by: uplift"]


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        ("{value: 0.5, threshold: 0.2}", Silence(value=0.5, threshold=0.2)),
        ("{value: -1, explored: true}", Silence(value=-1.0, threshold=0.0, is_explored=True)),
        ("{value: learned}", Silence(value=0.0, threshold=0.0, is_learnt=True)),
        ("{value: learned, threshold: 0.1}", Silence(value=0.0, threshold=0.1, is_learnt=True)),
    ],
)
def test_silence_has_a_number_or_is_learned(said: str, bound: Silence, folder: Path, terms: Terms) -> None:
    say_silence(folder, said)
    loaded = load(folder, terms)
    assert loaded.plan.silence == bound
    for objective, is_helping in objectives(loaded).values():
        assert objective.is_weighed_against_silence == (bound.is_learnt and not is_helping)


@pytest.mark.parametrize(("said", "says"), [("learnt", "did you mean `learned`"), ("much", "number")])
def test_another_word_for_silence_is_refused(said: str, says: str, folder: Path, terms: Terms) -> None:
    say_silence(folder, f"{{value: {said}}}")
    with pytest.raises(CatalogueInvalid) as raised:
        load(folder, terms)
    assert says in str(raised.value.located)


CASES = """\
defaults:
  now: 2027-02-10T17:00:00Z
  channel: email
  limit: 1
  consents: all
  features: {recency_days: 5.0, baskets_90d: 3}
  scores: {pizza-night: 0.5}
cases:
  - {name: who would buy anyway is left alone, if_silent: {pizza-night: 0.5}, eligible: [pizza-night], ranked: []}
  - {name: who is moved is shown it, if_silent: {pizza-night: 0.1}, eligible: [pizza-night], ranked: [pizza-night]}
"""


def test_cases_say_what_a_model_gives_in_silence_where_it_is_asked(folder: Path, terms: Terms) -> None:
    say(folder, f"{EVENT}, rank_by: uplift}}")
    say_silence(folder, "{threshold: 0.5}")
    (folder / "cases").mkdir(exist_ok=True)
    file = folder / "cases" / "uplift.yaml"
    file.write_text(CASES, encoding="utf-8")
    results = run(read_cases(folder), load(folder, terms).plan, terms).results
    assert [(result.is_met, result.faults) for result in results] == [(True, ()), (True, ())]
    say(folder, f"{EVENT}}}")
    for result in run(read_cases(folder), load(folder, terms).plan, terms).results:
        (fault,) = result.faults
        assert "it is not ranked by uplift" in fault
