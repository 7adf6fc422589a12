"""The features of a company are those of its own Feast registry; what does not fit is left out, or named."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from features.cli import features
from features.company.company import CompanyInvalid, load_company
from features.company.registry import CompanyFeatures, read_features
from features.derived import Age, Formula
from features.interactions import Interaction, ModelFeatures
from features.schema import FeatureType, PersonalData
from features.situation import SituationViews
from features.store.customer_key import CustomerKey, KeyType
from service.commands.variables import strangers
from tests.companies.bank import FIRST_HOLDER, RUMBO, SQLITE, Bank, make_bank, push_views

NOTES = """\
balance: {description: What the accounts hold, unit: EUR, owner: core, personal_data: sensitive, range: [0, 1000000]}
rating: {levels: [A, B, C], max_age: 7d}
shoe_size: {unit: EU}
ratings: {levels: [A]}
"""


DERIVED = """\
  notes: features.yaml
  derived: {card_days_left: days_until(card_expires_at), relationship_days: days_since(first_account_at)}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("companies") / "bank")


@pytest.fixture
def bank(made: Bank) -> Bank:
    made.write()
    return made


def features_of(bank: Bank) -> CompanyFeatures:
    return read_features(load_company(bank.folder), bank.store())


def faults_of(bank: Bank, text: str, **notes: str) -> tuple[str, ...]:
    bank.write(text, **notes)
    with pytest.raises(CompanyInvalid) as caught:
        features_of(bank)
    return caught.value.faults


def test_names_types_and_ages_are_those_of_the_registry(bank: Bank) -> None:
    found = features_of(bank)
    assert found.key == CustomerKey(name="holder_no", type=KeyType.INT64)
    assert [(f.view, f.name, f.type, f.max_age_s) for f in found.schema.features] == [
        ("accounts", "balance", FeatureType.DOUBLE, 40 * 86_400.0),
        ("accounts", "rating", FeatureType.STRING, 40 * 86_400.0),
        ("accounts", "accounts_open", FeatureType.INT, 40 * 86_400.0),
        ("accounts", "first_account_at", FeatureType.TIMESTAMP, 40 * 86_400.0),
        ("cards", "card_rating", FeatureType.STRING, None),
        ("cards", "is_frozen", FeatureType.BOOL, None),
        ("cards", "card_expires_at", FeatureType.TIMESTAMP, None),
        ("claims", "claims_open", FeatureType.INT, 2 * 86_400.0),
    ]
    assert found.schema.by_name["card_rating"].stored_as == "rating"


def test_what_cannot_be_used_is_left_out_with_a_notice(bank: Bank) -> None:
    notices = "\n".join(features_of(bank).notices)
    for told in ("wealth: an on-demand view", "branches: a view of branch", "visits: a view of holder and branch"):
        assert told in notices
    assert "accounts: no condition reads Array(Float32), so it is left out: recent_amounts" in notices


def test_notes_say_what_the_registry_does_not(bank: Bank) -> None:
    bank.write(RUMBO + "  notes: features.yaml\n", features=NOTES)
    found = features_of(bank)
    balance, rating = found.schema.by_name["balance"], found.schema.by_name["rating"]
    assert (balance.unit, balance.owner, balance.personal_data, balance.bounds) == (
        "EUR",
        "core",
        PersonalData.SENSITIVE,
        (0.0, 1_000_000.0),
    )
    assert (rating.levels, rating.max_age_s) == (("A", "B", "C"), 7 * 86_400.0)
    assert "features.yaml:3:1: shoe_size is no feature that is read" in found.notices
    assert "features.yaml:4:1: ratings is no feature that is read, did you mean `rating`?" in found.notices


def test_what_is_derived_stands_at_the_end_in_the_order_of_the_file(bank: Bank) -> None:
    bank.write(RUMBO + DERIVED, features="relationship_days: {description: Loyalty., range: [0, 30000]}\n")
    card, relationship = features_of(bank).schema.features[-2:]
    assert (card.name, card.type, card.unit, card.formula) == (
        "card_days_left",
        FeatureType.DOUBLE,
        "days",
        Formula(Age.DAYS_UNTIL, "card_expires_at"),
    )
    assert card.description == "days_until(card_expires_at), when a decision is made."
    assert (relationship.name, relationship.description, relationship.bounds) == (
        "relationship_days",
        "Loyalty.",
        (0.0, 30_000.0),
    )
    assert (relationship.max_age_s, relationship.personal_data) == (None, PersonalData.PERSONAL)


def test_what_a_model_sees_is_what_the_file_says(bank: Bank) -> None:
    said = 'model: {leave_out: [rating], interactions: {open: "{what}_open", share: "{what}_open / balance"}}'
    bank.write(RUMBO + f"  {said}\n")
    found = features_of(bank)
    assert found.model == ModelFeatures(
        leave_out=frozenset({"rating"}),
        interactions={"open": Interaction("{what}_open"), "share": Interaction("{what}_open", "balance")},
    )
    assert found.model.interactions["open"].features(found.schema) == {"accounts_open", "claims_open"}
    assert found.model.interactions["share"].features(found.schema) == {"accounts_open", "claims_open", "balance"}


def test_a_model_that_leaves_nothing_out_sees_all_of_it(bank: Bank) -> None:
    assert features_of(bank).model == ModelFeatures()


def test_the_fingerprint_changes_with_the_features_and_with_nothing_else(bank: Bank) -> None:
    first = features_of(bank).fingerprint
    assert features_of(bank).fingerprint == first
    bank.write(RUMBO + "  notes: features.yaml\n", features="rating: {max_age: 7d}\n")
    assert features_of(bank).fingerprint != first


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("entity: holder", "entity: client", "rumbo.yaml:2:12: customer.entity: the registry has no entity 'client'"),
        ("repo: feast/", "views: [accounts, loans]", "4:3: features.views: the registry has no view 'loans'"),
        ("repo: feast/", "views: [acounts]", "has no view 'acounts', did you mean `accounts`?"),
        ("repo: feast/", "views: [wealth]", "4:3: features.views: the view 'wealth' is on-demand: it is not read"),
        ("repo: feast/", "views: [visits]", "the view 'visits' is of holder and branch, not of holder alone"),
        ("repo: feast/", "service: offers", "4:3: features.service: the registry has no service 'offers'"),
        ("  names: {cards.rating: card_rating}\n", "", "'rating' is in the views accounts and cards: name one of them"),
        (
            "cards.rating: card_rating",
            "cards.limit: card_limit",
            "features.names.cards.limit: there is no such feature",
        ),
        ("cards.rating: card_rating", "card.rating: card_rating", "it is not read, did you mean `cards.rating`?"),
        (
            "cards.rating: card_rating",
            "cards.rating: balance",
            "features.names.cards.rating: 'balance' is the name of accounts.balance too: give it another, such as"
            " cards_rating",
        ),
        (
            "repo: feast/",
            "derived: {age: days_since(first_acount_at)}",
            "nor the `latest` of an event type, did you mean `first_account_at`?",
        ),
        (
            "repo: feast/",
            "derived: {age: days_since(born_at)}",
            "4:13: features.derived.age: 'born_at' is no feature, nor the `latest` of an event type",
        ),
        ("repo: feast/", "derived: {age: days_since(balance)}", "'balance' is double, not an instant"),
        ("repo: feast/", "derived: {balance: days_since(first_account_at)}", "'balance' is a feature already"),
        (
            "repo: feast/",
            "model: {leave_out: [balance, ratings]}",
            "4:32: features.model.leave_out.1: there is no feature 'ratings', did you mean `rating`?",
        ),
        (
            "repo: feast/",
            'model: {interactions: {spent: "spend_{category}_90d"}}',
            "4:26: features.model.interactions.spent: 'spend_{category}_90d' becomes no feature of the",
        ),
        ("repo: feast/", 'model: {interactions: {of: "{what}_open / rating"}}', "of: 'rating' becomes no feature"),
        ("repo: feast/", 'model: {interactions: {balance: "{what}_open"}}', "balance: 'balance' is a column already"),
        ("repo: feast/", 'model: {interactions: {journey_id: "{what}_open"}}', "'journey_id' is a column already"),
        ("repo: feast/", "notes: features.yaml", "features.yaml:1:12: rating.unitt: "),
    ],
)
def test_what_the_registry_lacks_is_named_where_it_is_asked_for(old: str, new: str, expected: str, bank: Bank) -> None:
    assert old in RUMBO
    faults = faults_of(bank, RUMBO.replace(old, new), features="rating: {  unitt: EUR}\n")
    assert any(expected in fault for fault in faults), faults


def test_the_latest_of_an_event_type_is_an_instant_too(bank: Bank) -> None:
    events = "events:\n  card.renewed: {latest: last_renewed_at}\n"
    bank.write(RUMBO + "  derived: {renewal_age: days_since(last_renewed_at)}\n" + events)
    assert features_of(bank).schema.features


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The same bank, with views that incidents and consents are pushed to."""
    folder = tmp_path_factory.mktemp("pushed") / "bank"
    return make_bank(folder, "INT64", SQLITE, wealth=None, **push_views(folder))


SITUATION = RUMBO + "situation: {incidents: {view: incidents}, consents: {view: consents}}\n"


def test_the_views_of_the_situation_are_read_beside_the_features_and_never_age(pushed: Bank) -> None:
    pushed.write(SITUATION)
    schema = features_of(pushed).schema
    assert [(f.view, f.name, f.max_age_s) for f in schema.features if f.is_situation] == [
        ("incidents", "incidents_json", None),
        ("consents", "consents_json", None),
    ]
    assert schema.situation == SituationViews(incidents="incidents", consents="consents")
    pushed.write()
    assert features_of(pushed).schema.situation == SituationViews()


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (
            "{incidents: {view: tickets}}",
            "6:25: situation.incidents.view: the registry has no view 'tickets'",
        ),
        (
            "{incidents: {view: consents}}",
            "situation.incidents.view: the view 'consents' has no text 'incidents_json', which holds the list as JSON",
        ),
        ("{consents: {view: claims}}", "situation.consents.view: the view 'claims' is no push view"),
        ("{consents: {view: claims}}", "situation.consents.view: the view 'claims' has no text 'consents_json'"),
    ],
)
def test_a_view_that_no_situation_can_be_pushed_to_is_named(situation: str, expected: str, pushed: Bank) -> None:
    faults = faults_of(pushed, RUMBO + f"situation: {situation}\n")
    assert any(expected in fault for fault in faults), faults


@pytest.mark.parametrize("key", ["INT32", "STRING"])
def test_the_key_is_typed_as_theirs_is(key: str, tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", key, visits=None, branches=None, wealth=None, cards=None, branch=None)
    bank.write(RUMBO.replace("  names: {cards.rating: card_rating}\n", ""))
    assert features_of(bank).key.type is KeyType({"INT32": "Int32", "STRING": "String"}[key])


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_is_the_key_that_is_written_as_it_is(number: int) -> None:
    key = CustomerKey(name="holder_no", type=KeyType.INT64)
    assert key.value_of(str(number)) == number
    small = CustomerKey(name="holder_no", type=KeyType.INT32)
    assert small.value_of(str(number)) == (number if -(2**31) <= number < 2**31 else None)


@pytest.mark.parametrize("customer_id", ["0100005", "+5", " 5", "5 ", "5.0", "1e3", "-0", "", "-", "٣", "9" * 30, "x"])
def test_what_is_written_otherwise_is_nobody_where_keys_are_numbers(customer_id: str) -> None:
    assert CustomerKey(name="holder_no", type=KeyType.INT64).value_of(customer_id) is None
    assert CustomerKey(name="holder_no", type=KeyType.STRING).value_of(customer_id) == customer_id


def test_the_command_shows_the_features_and_one_customer(bank: Bank) -> None:
    result = CliRunner().invoke(features, ["check", "--company", str(bank.folder), "--customer", str(FIRST_HOLDER)])
    assert result.exit_code == 0, result.output
    for told in ("entity holder, key holder_no (Int64)", "card_rating", "notice: wealth", f"customer {FIRST_HOLDER}"):
        assert told in result.output


def test_the_company_may_be_named_by_a_variable_which_is_no_stranger(bank: Bank) -> None:
    named = {"RUMBO_COMPANY": str(bank.folder)}
    assert list(strangers(named)) == []
    result = CliRunner().invoke(features, ["check"], env=named)
    assert "entity holder, key holder_no (Int64)" in result.output


def test_the_command_refuses_a_folder_without_a_repository_by_its_place(bank: Bank) -> None:
    bank.write(RUMBO.replace("repo: feast/", "repo: elsewhere/"))
    result = CliRunner().invoke(features, ["check", "--company", str(bank.folder)])
    assert isinstance(result.exception, CompanyInvalid)
    assert str(result.exception).startswith(
        "the company is invalid:\n  rumbo.yaml:4:3: features.repo: there is no feature_store.yaml in "
    )
