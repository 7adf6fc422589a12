"""Draws by the thousand against what was logged: frequencies, and joints over all slates."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from scipy.stats import chi2  # type: ignore[import-untyped]

from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import ONE_ARM, Arm, Arms
from service.decision.constraints.capacity import Pool
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.registry import Policies
from service.decision.decide import Decision, DecisionTerms, StateAtCommit, begin, conclude, revise
from service.decision.explore import ALL_UNIFORM, Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.journey import JourneyKind
from service.decision.windows import RollingWindow
from tests.builders import CHANNELS, NOW, Catalogue, Entry, catalogue, contact, decide, facts, journey, settled

PROMOTIONAL, FEEDBACK = JourneyKind.PROMOTIONAL, JourneyKind.FEEDBACK
SOFT = Exploration(scheme=Scheme.SOFTMAX, temperature=0.2, floor=0.02)
SCORES = {
    name: Score(p_outcome=p, source=ScoreSource.MODEL)
    for name, p in {"a": 0.5, "b": 0.4, "c": 0.35, "d": 0.2, "e": 0.6}.items()
}
NEVER_WITH = {"a": ("b",), "b": ("a",)}
LIMIT = 0.001
"""Of a test of fit: a sound sampler is refused in so many cases, and the draws are always the same."""
FEWEST = 5.0
"""Expected in a cell, for chi-square to hold. Source: Cochran (1954)."""


def made(*, arms: Arms = ONE_ARM, at_most: int = 9) -> Catalogue:
    """Four promotional journeys of tier 1, two of which never go together, one of feedback in tier 2; a limit."""
    cap = PressureCap(
        cap_id="day",
        kinds=frozenset({PROMOTIONAL}),
        channels=frozenset(CHANNELS),
        at_most=at_most,
        per=timedelta(days=1),
    )
    return catalogue(
        *(Entry(journey=journey(name, kind=PROMOTIONAL), never_with=NEVER_WITH.get(name, ())) for name in "abcd"),
        Entry(journey=journey("e", kind=FEEDBACK, tier=2)),
        policies=Policies(incident_default=frozenset(JourneyKind), incident_classes={}, pressure=(cap,)),
        exploration=ExplorationPolicy(by_kind={PROMOTIONAL: SOFT}),
        silence=Silence(threshold=-1.0, is_explored=True),
        arms=arms,
    )


def drawn(of: Catalogue, number: int, *, limit: int = 3, newer: StateAtCommit | None = None) -> Iterable[Decision]:
    """The same question, under so many ids."""
    draft = begin(of.plan, facts())
    for i in range(number):
        decision = conclude(draft, SCORES, DecisionTerms(decision_id=f"d{i}", limit=limit))
        yield decision if newer is None else revise(decision, newer)


def slate(decision: Decision) -> tuple[str, ...]:
    """What was said, and `-` where nothing more was."""
    return (*(p.journey_id for p in decision.picks), *("-" for _ in [decision.selection.silence] if _ is not None))


def chances(decision: Decision) -> list[float]:
    silence = decision.selection.silence
    return [*(p.chance.p for p in decision.picks), *([] if silence is None else [silence.p])]


def watched(decisions: Iterable[Decision]) -> tuple[Counter[tuple[str, ...]], dict[tuple[str, ...], float]]:
    """How often each slate was drawn, and the joint probability that was logged of it, every time the same."""
    counts: Counter[tuple[str, ...]] = Counter()
    joint: dict[tuple[str, ...], set[float]] = defaultdict(set)
    for decision in decisions:
        counts[slate(decision)] += 1
        joint[slate(decision)].add(math.prod(chances(decision)))
    assert {len(logged) for logged in joint.values()} == {1}
    return counts, {key: logged.pop() for key, logged in joint.items()}


def demand_fit(counts: Counter[tuple[str, ...]], joint: dict[tuple[str, ...], float]) -> None:
    """Slates came as often as was logged; those that are rare are taken together. Source: Pearson (1900)."""
    total = counts.total()
    cells = [(counts[key], total * p) for key, p in joint.items() if total * p >= FEWEST]
    rest = total - math.fsum(n for _, n in cells), total - math.fsum(n for n, _ in cells)
    if rest[0] >= FEWEST:
        cells.append((int(rest[1]), rest[0]))
    statistic = math.fsum((n - expected) ** 2 / expected for n, expected in cells)
    assert chi2.sf(statistic, len(cells) - 1) > LIMIT, (statistic, len(cells))


TAKEN = settled(contact("x", at=NOW, kind=PROMOTIONAL), contact("a", at=NOW, kind=PROMOTIONAL))
"""What came meanwhile: two contacts, of which the one of a leaves no room for b."""
CASES = {
    "three slots": (made(), 3, None),
    "one slot": (made(), 1, None),
    "a limit that the picks fill": (made(at_most=1), 3, None),
    "taken meanwhile": (made(at_most=4), 3, TAKEN),
    "room for one by the commit": (made(at_most=3), 3, TAKEN),
}


@pytest.mark.parametrize(("of", "limit", "newer"), CASES.values(), ids=CASES)
def test_what_is_drawn_comes_as_often_as_is_logged(of: Catalogue, limit: int, newer: StateAtCommit | None) -> None:
    demand_fit(*watched(drawn(of, 3_000, limit=limit, newer=newer)))


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("of", "limit", "newer"), CASES.values(), ids=CASES)
def test_two_hundred_thousand_draws_come_as_often_as_is_logged(
    of: Catalogue, limit: int, newer: StateAtCommit | None
) -> None:
    demand_fit(*watched(drawn(of, 200_000, limit=limit, newer=newer)))


def test_what_is_logged_of_all_slates_adds_up_to_one() -> None:
    """Five journeys of two tiers, silence among them."""
    floor = Exploration(scheme=Scheme.SOFTMAX, temperature=1.0, floor=0.1)
    of = replace(made().plan, exploration=ExplorationPolicy(by_kind=dict.fromkeys(JourneyKind, floor)))
    _, joint = watched(drawn(replace(made(), plan=of), 6_000))
    assert len(joint) == len(slates_by_hand())
    assert set(joint) == slates_by_hand()
    assert math.fsum(joint.values()) == pytest.approx(1.0, abs=1e-12)


def slates_by_hand() -> set[tuple[str, ...]]:
    """Up to three of a, b, c, d (a and b never together), then e; each may end in silence."""
    found: set[tuple[str, ...]] = set()

    def go_on(before: tuple[str, ...]) -> None:
        if len(before) == 3:
            found.add(before)
            return
        found.add((*before, "-"))
        first_tier = [n for n in "abcd" if n not in before and {"a": "b", "b": "a"}.get(n, "") not in before]
        for name in first_tier or (["e"] if "e" not in before else []):
            go_on((*before, name))

    go_on(())
    return found


def test_what_is_logged_over_all_arms_is_how_often_customers_see_it() -> None:
    """Over customers, each in an arm of its own; what is logged of a slate does not depend on who was shown it."""
    arms = Arms(shares={Arm.HOLDOUT: 0.1, Arm.RANDOM: 0.3, Arm.NO_LEVERS: 0.1}, salt="s")
    of, counts = made(arms=arms), Counter[tuple[str, ...]]()
    joint: dict[tuple[str, ...], float] = {}
    for i in range(6_000):
        draft = begin(of.plan, replace(facts(), customer_id=f"c{i}"))
        decision = conclude(draft, SCORES, DecisionTerms(decision_id=f"d{i}", limit=2))
        silence = decision.selection.silence
        logged = [*(p.chance.over_arms for p in decision.picks), *([] if silence is None else [silence.over_arms])]
        counts[slate(decision)] += 1
        assert joint.setdefault(slate(decision), math.prod(logged)) == pytest.approx(math.prod(logged), rel=1e-9)
    demand_fit(counts, joint)


def test_what_another_draw_alone_excludes_was_not_taken_by_others() -> None:
    """Once c is gone the same number may fall on a in place of b, which never goes with it: nobody took b."""
    pool = Pool(pool_id="units", limit=1, window=RollingWindow(per=timedelta(days=1)), journeys=frozenset({"c"}))
    pair = (Entry(journey=journey(n, kind=PROMOTIONAL), never_with=NEVER_WITH[n]) for n in "ab")
    offered = (*pair, Entry(journey=journey("c", kind=PROMOTIONAL), capacity=pool))
    policies = Policies(incident_default=frozenset(JourneyKind), incident_classes={})
    plan = catalogue(*offered, policies=policies, exploration=ALL_UNIFORM).plan
    changed = 0
    for i in range(100):
        before = decide(plan, facts(), limit=2, decision_id=f"d{i}")
        after = revise(before, settled(units=1.0))
        (kept,) = (p.journey_id for p in after.picks)
        (other,) = {"a", "b"} - {kept}
        denied = {r.journey_id: [reason.code for reason in r.reasons] for r in after.rejected}
        assert denied == {"c": ["TAKEN_MEANWHILE", "CAPACITY"], other: ["NEVER_WITH"]}
        assert after.selection.taken == ("c",)
        changed += other in {p.journey_id for p in before.picks}
    assert changed > 0
