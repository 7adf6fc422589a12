"""What is sent is the message that the plain way makes, and every text what it says of all parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BoolValue, BytesValue, DoubleValue, UInt64Value
from hypothesis import given
from hypothesis import strategies as st

from features.values import Scalar
from rumbo.decision.v1 import decision_pb2, reason_pb2
from service.decision.arbitrate import Score
from service.decision.decide import DecisionTerms, StateAtCommit, begin, conclude, revise
from service.decision.facts import Facts
from service.decision.verdict import Reason, ReasonKind
from service.texts import fill
from service.texts.wording import BECAUSE, IN_GRACE, NAMES, SAYS_NOTHING, TEXTS, Language, Wording
from service.wire import answers, packed
from service.wire.enums import REASON_KIND, scalar
from tests.builders import NOW, Catalogue
from tests.exploration_strategies import EXPLORING
from tests.property.test_record import TERMS
from tests.property.twin_of_answers import answer as plain_answer
from tests.property.twin_of_texts import filled
from tests.strategies import KNOWN, SCORES, SETTLED

NAMED = sorted({field for wording in TEXTS.values() for each in wording for field in re.findall(r"{(\w+)", each)})
TEMPLATES = sorted({*TEXTS.values(), *BECAUSE.values(), IN_GRACE, Wording("", ""), Wording("[{a}]b[", "a]")})
INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.tuples(st.integers(-700_000, 2_900_000), st.sampled_from([0, 1, 999_999, 59_000_000])).map(
    lambda drawn: NOW + timedelta(days=drawn[0], microseconds=drawn[1])
)
SCALARS = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 1, 0, True, "", *SAYS_NOTHING.values()]),
    st.sampled_from(sorted({level for levels in NAMES.values() for level in levels})),
    INT64,
    st.booleans(),
    st.text(max_size=300) | st.text(min_size=490, max_size=510),
    INSTANTS,
)
PARAMS = st.dictionaries(st.sampled_from([*NAMED, "customer.spend_90d", "condition", "status"]) | st.text(), SCALARS)
REASONS = st.builds(
    Reason,
    code=st.sampled_from([*TEXTS, "POLICY_OWN", "UNHEARD_OF"]),
    kind=st.sampled_from(ReasonKind),
    params=PARAMS,
    eligible_after=st.none() | st.integers(0, 10**9).map(lambda micros: NOW + timedelta(microseconds=997 * micros)),
)


@given(EXPLORING, KNOWN, SCORES, TERMS, st.none() | SETTLED, st.booleans(), st.sampled_from(["", "es-ES", "en"]))
def test_an_answer_is_the_message_that_the_plain_way_makes(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    terms: DecisionTerms,
    settled: StateAtCommit | None,
    is_full: bool,
    locale: str,
) -> None:
    decision = conclude(begin(made.plan, known), scores, terms)
    if settled is not None:
        decision = revise(decision, settled)
    sent = answers.answer(decision, is_full=is_full, locale=locale)
    plain = plain_answer(decision, is_full=is_full, locale=locale)
    demand_equal(decision_pb2.DecideResponse.FromString(sent), plain)
    assert len(sent) == plain.ByteSize()


@given(st.text(), st.sampled_from(ReasonKind), PARAMS, st.text(), st.none() | st.integers(-(2**40), 2**40))
def test_a_reason_is_written_as_its_own_class_writes_it(
    code: str, kind: ReasonKind, params: Mapping[str, Scalar], text: str, seconds: int | None
) -> None:
    after = None if seconds is None else Timestamp(seconds=seconds)
    plain = reason_pb2.Reason(
        code=code,
        kind=REASON_KIND[kind],
        params={name: scalar(value) for name, value in params.items()},
        text=text,
        eligible_after=after,
    )
    sent = packed.reason(code, kind, params, text, after)
    demand_equal(reason_pb2.Reason.FromString(sent), plain)
    assert len(sent) == plain.ByteSize()


@given(st.integers(0, 2**64 - 1), st.floats(), st.binary(max_size=20_000))
def test_numbers_and_parts_are_written_as_protobuf_writes_them(number: int, value: float, content: bytes) -> None:
    """What a reader takes for granted is left out."""
    written = packed.tag(1, packed.VARINT) + packed.varint(number)
    assert number == 0 or written == UInt64Value(value=number).SerializeToString()
    assert packed.double(1, value) == DoubleValue(value=value).SerializeToString()
    assert content == b"" or packed.framed(1, content) == BytesValue(value=content).SerializeToString()
    assert packed.flag(1, is_set=bool(number)) == BoolValue(value=bool(number)).SerializeToString()


@given(REASONS, st.sampled_from(TEMPLATES), st.sampled_from(Language))
def test_a_template_is_filled_as_if_every_parameter_were_written_out(
    reason: Reason, wording: Wording, language: Language
) -> None:
    found = fill._fill(wording.by(language), fill._Shown(reason, language))
    assert found == filled(wording.by(language), reason, language)


@given(st.text(max_size=12) | st.sampled_from(["es", "ES_mx", " es.UTF-8", "est", "es@euro", "en", ""]))
def test_a_language_is_the_first_part_of_a_locale(locale: str) -> None:
    first = locale.strip().lower().replace("_", "-").replace(".", "-").split("-")[0]
    assert fill.language_of(locale) is (Language.ES if first == "es" else Language.EN)


def demand_equal(found: Message, expected: Message) -> None:
    """NaN is equal to NaN, and 0.0 is not -0.0."""
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
