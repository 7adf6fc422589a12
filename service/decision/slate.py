"""The candidates of one channel and placement for who is in no journey, laid out to be judged all at once.

    a rule that guards one candidate     its denial is a bit of that candidate's own
    a rule that guards several           its denial is a bit of the slate's; each candidate has a mask over those
    both together                        the candidate's pattern: 0 allows it, and equal patterns are one `Denials`

Rules that hold a condition are settled together, by the columns of the conditions; rules that something of the customer
must concern are passed over unless it does; how full a kind is, is asked once for each tier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from service.decision.constraints.audience import Audience, CompanyPolicy, IfUnknown, OwnAges
from service.decision.constraints.in_flight import Entrance, InFlight
from service.decision.constraints.killed import kill_subject
from service.decision.constraints.rule import Columns, Condition, Panel, Rule
from service.decision.evaluation import Evaluation

if TYPE_CHECKING:  # a plan makes slates of its candidates
    from service.decision.plan import Candidate

MOST_KEPT = 100
"""So many patterns of a candidate are kept, on average over a slate; then they are made anew."""


class Denials(NamedTuple):
    """The rules that deny a candidate, by their positions, ascending: those that bind it, and those that it bypasses.

    `codes` are those of what binds. One object for all customers whom the same rules deny it to.
    """

    candidate: Candidate
    binding: tuple[int, ...]
    bypassed: tuple[int, ...]
    codes: tuple[str, ...]

    @classmethod
    def of(cls, candidate: Candidate, found: Sequence[int], rules: Sequence[Rule], passes: frozenset[int]) -> Denials:
        """`found` are the rules that deny it, `passes` those that it may bypass."""
        binding = tuple([p for p in found if p not in passes]) if passes else tuple(found)
        bypassed = tuple([p for p in found if p in passes]) if passes else ()
        return cls(candidate, binding, bypassed, tuple([rules[p].code for p in binding]))


class Judged(NamedTuple):
    """A slate as it is for one customer: what may be shown, and the pattern of each candidate by its place.

    `passing` are those of the allowed that bypass a denial. `elsewhere` are the denials of candidates that stand for
    others here, as the customer is at another stage, by place; such a place has the pattern MOVED where it is denied.
    """

    allowed: tuple[Candidate, ...]
    passing: tuple[Denials, ...]
    patterns: Sequence[int]
    elsewhere: Mapping[int, Denials]


MOVED = -1


class _Claims(NamedTuple):
    """The rules whose conditions stand in the same columns, by their places in the panel."""

    columns: Columns
    panel: Panel
    positions: tuple[int, ...]
    owners: tuple[int, ...]
    bits: tuple[int, ...]
    conditions: tuple[Condition, ...]
    if_unknown: tuple[IfUnknown | None, ...]
    by_age: Mapping[OwnAges, tuple[int, ...]]


class Slate:
    """Made once for each channel and placement. `places` are those of its candidates by journey."""

    def __init__(self, rules: Sequence[Rule], candidates: Iterable[Candidate]) -> None:
        self.rules = rules
        self.candidates = tuple(candidates)
        self.places = {candidate.journey_id: place for place, candidate in enumerate(self.candidates)}
        guarded = defaultdict[int, list[int]](list)
        for place, candidate in enumerate(self.candidates):
            for position in candidate.rules:
                guarded[position].append(place)
        self.guarding = frozenset(guarded)
        self._shared = len(self.candidates)
        self._lay_out(guarded)
        self._sort_rules()
        self._bypassing = [place for place, candidate in enumerate(self.candidates) if candidate.bypassed]
        self._kept: dict[tuple[int, int], Denials] = {}

    def judge(self, evaluation: Evaluation, moved: Mapping[int, Candidate]) -> Judged:
        """`moved`: the candidates that stand in these places for a customer who is at another stage."""
        denied = self._denied(evaluation)
        shared = denied[self._shared]
        if shared:
            masked = [shared & mask for mask in self._masks]
            patterns = [own | masked[group] for own, group in zip(denied, self._groups, strict=False)]
        else:
            patterns = denied[: self._shared]
        self._enter(evaluation, patterns)
        listed: Sequence[Candidate] = self.candidates
        elsewhere: dict[int, Denials] = {}
        passing: list[Denials] = []
        if moved:
            listed = list(listed)
            for place, candidate in moved.items():
                listed[place] = candidate
                denials = self._elsewhere(candidate, evaluation, denied)
                elsewhere[place], patterns[place] = denials, MOVED if denials.binding else 0
                if denials.bypassed and not denials.binding:
                    passing.append(denials)
        for place in self._bypassing:
            if patterns[place] and place not in elsewhere:
                denials = self._denials(place, patterns[place])
                if not denials.binding:
                    patterns[place] = 0
                    passing.append(denials)
        allowed = tuple([candidate for candidate, pattern in zip(listed, patterns, strict=True) if not pattern])
        return Judged(allowed, tuple(passing), patterns, elsewhere)

    def rejected(self, judged: Judged) -> tuple[Denials, ...]:
        """What a judgement denies, in the order of the slate."""
        kept, elsewhere = self._kept, judged.elsewhere
        found = []
        for place, pattern in enumerate(judged.patterns):
            if pattern > 0:
                found.append(kept.get((place, pattern)) or self._denials(place, pattern))
            elif pattern:
                found.append(elsewhere[place])
        return tuple(found)

    def _lay_out(self, guarded: Mapping[int, Sequence[int]]) -> None:
        """Gives each rule its bit, and the place whose own it is: that behind the last one holds what is shared."""
        self.bits: dict[int, int] = {}
        self._owners: dict[int, int] = {}
        self._entrances: dict[Entrance, int] = {}
        free = 1
        for position in sorted(guarded):
            rule = self.rules[position]
            if isinstance(rule, InFlight):
                bit = self._entrances.get(rule.entrance)
                if bit is None:
                    bit = self._entrances[rule.entrance] = free
                    free <<= 1
            elif len(guarded[position]) > 1:
                bit, free = free, free << 1
            else:
                continue
            self.bits[position], self._owners[position] = bit, self._shared
        next_bits = [free] * len(self.candidates)
        for position in sorted(guarded.keys() - self.bits.keys()):
            (place,) = guarded[position]
            self.bits[position], self._owners[position] = next_bits[place], place
            next_bits[place] <<= 1
        self._limits = tuple({id(entrance.limit): entrance.limit for entrance in self._entrances}.values())
        masks: dict[int, int] = {}
        self._groups = [masks.setdefault(self._mask(candidate), len(masks)) for candidate in self.candidates]
        self._masks = tuple(masks)

    def _mask(self, candidate: Candidate) -> int:
        mask = 0
        for position in candidate.rules:
            if self._owners[position] == self._shared:
                mask |= self.bits[position]
        return mask

    def _sort_rules(self) -> None:
        """By how they are asked."""
        columns: dict[int, tuple[Columns, list[int]]] = {}
        always, by_subject = list[int](), defaultdict[str, list[int]](list)
        for position in sorted(self.guarding):
            rule = self.rules[position]
            if isinstance(rule, Audience | CompanyPolicy) and rule.condition.columns is not None:
                columns.setdefault(id(rule.condition.columns), (rule.condition.columns, []))[1].append(position)
            elif isinstance(rule, InFlight):
                continue
            elif rule.subjects is None:
                always.append(position)
            else:
                for subject in rule.subjects:
                    by_subject[subject].append(position)
        self._claims = tuple(self._claims_of(held, positions) for held, positions in columns.values())
        self._always = tuple(always)
        self._by_subject = {subject: tuple(positions) for subject, positions in by_subject.items()}

    def _claims_of(self, columns: Columns, positions: Sequence[int]) -> _Claims:
        conditions, if_unknown = list[Condition](), list[IfUnknown | None]()
        rows, by_age = list[int](), defaultdict[OwnAges, list[int]](list)
        alike: dict[IfUnknown, IfUnknown] = {}
        for place, position in enumerate(positions):
            rule = self.rules[position]
            assert isinstance(rule, Audience | CompanyPolicy)
            assert rule.condition.row is not None
            rows.append(rule.condition.row)
            conditions.append(rule.condition)
            names, on_unknown = rule.condition.names, rule.on_unknown
            asked = IfUnknown(names, on_unknown)
            if_unknown.append(None if on_unknown.always_denies else alike.setdefault(asked, asked))
            if on_unknown.measures_age:
                by_age[OwnAges(names, on_unknown)].append(place)
        return _Claims(
            columns=columns,
            panel=columns.panel(rows),
            positions=tuple(positions),
            owners=tuple(self._owners[p] for p in positions),
            bits=tuple(self.bits[p] for p in positions),
            conditions=tuple(conditions),
            if_unknown=tuple(if_unknown),
            by_age={ages: tuple(places) for ages, places in by_age.items()},
        )

    def _denied(self, evaluation: Evaluation) -> list[int]:
        """The bits of the rules that deny, by the place that owns them; the shared ones last."""
        denied = [0] * (self._shared + 1)
        for claims in self._claims:
            self._settle(claims, evaluation, denied)
        rules, owners, bits = self.rules, self._owners, self.bits
        for position in self._due(evaluation):
            if rules[position].denies(evaluation):
                denied[owners[position]] |= bits[position]
        for entrance, bit in self._entrances.items():
            if entrance.denies(evaluation):
                denied[self._shared] |= bit
        return denied

    def _settle(self, claims: _Claims, evaluation: Evaluation, denied: list[int]) -> None:
        told, owners, bits = claims.panel.told(evaluation.variables), claims.owners, claims.bits
        for place in told.false:
            denied[owners[place]] |= bits[place]
        unknown = [*told.unknown]
        for place in told.unresolved:
            holds = claims.conditions[place].holds_alone(evaluation.variables)
            if holds is None:
                unknown.append(place)
            elif not holds:
                denied[owners[place]] |= bits[place]
        for place in unknown:
            asked = claims.if_unknown[place]
            if asked is None or evaluation.once(asked):
                denied[owners[place]] |= bits[place]
        for ages, places in claims.by_age.items():
            if evaluation.once(ages) is not None:
                for place in places:
                    denied[owners[place]] &= ~bits[place]
                    if self.rules[claims.positions[place]].denies(evaluation):
                        denied[owners[place]] |= bits[place]

    def _due(self, evaluation: Evaluation) -> Iterator[int]:
        """The rules that are asked one by one, each once."""
        yield from self._always
        by_subject, situation = self._by_subject, evaluation.facts.situation
        concerned = {
            *evaluation.contacts.by_journey,
            *(r.journey_id for r in situation.responses),
            *situation.enrolments,
            *map(kill_subject, situation.kills),
            *situation.uses,
        }
        due = set[int]()
        for subject in concerned:
            due.update(by_subject.get(subject, ()))
        yield from due

    def _enter(self, evaluation: Evaluation, patterns: list[int]) -> None:
        """Journeys that take a place of their kind already are not entered as the others of it are."""
        for limit in self._limits:
            for journey_id in limit.taken(evaluation):
                place = self.places.get(journey_id)
                rule = None if place is None else self.candidates[place].in_flight
                if place is None or rule is None:
                    continue
                bit = self._entrances[rule.entrance]
                patterns[place] = patterns[place] | bit if rule.denies(evaluation) else patterns[place] & ~bit

    def _elsewhere(self, candidate: Candidate, evaluation: Evaluation, denied: Sequence[int]) -> Denials:
        """Of a candidate that is not the slate's: what is known of its rules is not asked again."""
        found = []
        for position in sorted(candidate.rules):
            rule, bit = self.rules[position], self.bits.get(position)
            if bit is None or isinstance(rule, InFlight):
                denies = rule.denies(evaluation)
            else:
                denies = bool(denied[self._owners[position]] & bit)
            if denies:
                found.append(position)
        return Denials.of(candidate, found, self.rules, candidate.bypassed)

    def _denials(self, place: int, pattern: int) -> Denials:
        denials = self._kept.get((place, pattern))
        if denials is None:
            candidate = self.candidates[place]
            found = [position for position in sorted(candidate.rules) if pattern & self.bits[position]]
            denials = Denials.of(candidate, found, self.rules, candidate.bypassed)
            if len(self._kept) >= MOST_KEPT * len(self.candidates):
                self._kept.clear()
            self._kept[place, pattern] = denials
        return denials
