"""An answer as JSON has the same keys whatever it says, so that a program may rely on them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from rumbo.decision.v1 import decision_pb2, journey_pb2, value_pb2
from service.commands.show_answer import answer_fields


def names(message: type) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.fields}  # type: ignore[attr-defined]


def test_an_empty_answer_has_every_field() -> None:
    fields = answer_fields(decision_pb2.DecideResponse())
    assert fields.keys() == names(decision_pb2.DecideResponse)
    assert (fields["decision_id"], fields["ranked"], fields["no_journey"]) == ("", [], None)


def test_a_journey_of_which_all_is_nothing_has_every_field() -> None:
    ranked = journey_pb2.RankedJourney(journey_id="news", is_offer=False, p_outcome=0.0)
    (fields,) = answer_fields(decision_pb2.DecideResponse(ranked=[ranked]))["ranked"]
    assert fields.keys() == names(journey_pb2.RankedJourney)
    assert (fields["is_offer"], fields["p_outcome"], fields["tone"]) == (False, 0.0, "")


def test_a_full_answer_has_the_same_fields_as_an_empty_one() -> None:
    full = decision_pb2.DecideResponse(
        decision_id="d", decided_at=Timestamp(seconds=1), no_journey=journey_pb2.NoJourney(), model_version="m"
    )
    assert answer_fields(full).keys() == answer_fields(decision_pb2.DecideResponse()).keys()
    assert answer_fields(full)["decided_at"] == "1970-01-01T00:00:01Z"
    assert answer_fields(full)["no_journey"]["value"] == 0.0


def test_of_a_value_there_is_what_it_holds() -> None:
    assert answer_fields(value_pb2.Value(bool_value=False)) == {"bool_value": False}
