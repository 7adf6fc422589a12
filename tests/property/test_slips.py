"""Whatever somebody writes, what is wrong with it is told at a place, and never in the words of a library."""

from __future__ import annotations

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from features.company.document import CompanyDocument
from features.documents.form import form_faults, parsed
from features.documents.nodes import NotReadable
from features.documents.source import place_in_text
from service.catalogue.cases.document import CasesDocument
from service.catalogue.conditions.compile import ConditionCompiler, ConditionInvalid, customer_types
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.policies import PoliciesDocument
from tests.unit.catalogue.slips.catalogue import BASE, SCHEMA
from tests.unit.catalogue.slips.words import library_words

TABLE = BASE.with_name("conditions.yaml")
WRITTEN = [slip["when"] for slip in yaml.safe_load(TABLE.read_text(encoding="utf-8"))]
SOUND = (
    'customer.recency_days > 3.0 && customer.tier in ["gold", "silver"]',
    'now - customer.last_purchase_at > duration("720h") || !customer.is_member',
    'situation.journeys.exists(j, j.startsWith("h")) && situation.stages["help"] == "use"',
    "customer.baskets_90d >= 2 ? customer.price_share < 0.3 : double(customer.baskets_90d) / 2.0 > 0.5",
)
PIECES = (
    *("and", "or", "not", "in", "is", "null", "true", "has(", "=", "==", "!=", "<", ">=", "&&", "||", "!", "-", "+"),
    *("*", "/", "%", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}", '"', "'", "\\", "#", "$", "€", "“", "ñ", "\n"),
    *("3", "3.0", "1d", "30%", "1e400", '"gold"', "gold", "tier", "customer.tier", "customer.is_member", "now"),
    *('duration("1d")', 'timestamp("x")', ".size()", ".exists(", "2026-01-01", "99999999999999999999", "b'x'", "3u"),
)
COMPILER = ConditionCompiler(customer_types(SCHEMA, {"page": "string"}))
FORMS: dict[str, type[BaseModel]] = {
    "policies.yaml": PoliciesDocument,
    "journeys/basket.yaml": JourneyDocument,
    "cases/basket.yaml": CasesDocument,
    "rumbo.yaml": CompanyDocument,
}
BITS = (
    *("\t", " ", "  ", "\n", ":", ": ", "- ", "[", "]", "{", "}", ",", '"', "'", "#", " #", "!", "!!", "&", "&a", "*a"),
    *("|", ">", "@", "%", "?", "=", "\\", "null", "~", "yes", "5%", "0,5", "12:30", "2026-01-01", "a: b", "7", "7d"),
)


@st.composite
def altered(draw: st.DrawFn, texts: tuple[str, ...], pieces: tuple[str, ...]) -> str:
    """One of the texts in which a few parts were taken out, put in or put in place of others."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        taken = draw(st.sampled_from((0, 0, 1, 1, 2, 5, 12)))
        text = text[:start] + draw(st.sampled_from(("", *pieces))) + text[start + taken :]
    return text


@given(text=altered((*WRITTEN, *SOUND), PIECES) | st.text(max_size=40))
@example(text="")
@example(text="\n\n&&")
@example(text="'''")
def test_condition_is_told_at_a_place_in_words_of_its_own(text: str) -> None:
    try:
        COMPILER.compile(text)
    except ConditionInvalid as error:
        for fault in (error, *error.others):
            assert fault.column is not None
            assert 0 <= fault.column <= len(text)
            assert str(fault).strip()
            assert library_words(str(fault)) == []


def _faults(text: str, form: type[BaseModel]) -> list[str]:
    """What is wrong with a file; of one that cannot be read, with its place."""
    try:
        parsed(text, form)
    except NotReadable as error:
        place = place_in_text("x", str(error))
        assert place is not None
        assert 1 <= place.line <= text.count("\n") + 1
        assert place.column >= 1
        return [str(error)]
    except ValidationError as error:
        return [fault.text for fault in form_faults(error, form)]
    return []


@given(name=st.sampled_from(sorted(FORMS)), draw=st.data())
def test_file_is_told_at_a_place_in_words_of_its_own(name: str, draw: st.DataObject) -> None:
    text = draw.draw(altered(((BASE / name).read_text(encoding="utf-8"),), BITS))
    for fault in _faults(text, FORMS[name]):
        assert fault.strip()
        assert library_words(fault) == []
