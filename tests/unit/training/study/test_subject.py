"""What the environment says of a notebook's subject."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.study.subject import VARIABLES, Subject, SubjectInvalid


def test_without_variables_the_champion_is_judged_against_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subject = Subject.of({})
    assert (subject.policy, subject.against, subject.slot, subject.log) == ("champion", "logging", None, None)
    assert not subject.registers


def test_variables_that_are_empty_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Subject.of({f"RUMBO_{name}": "" for name in VARIABLES}) == Subject.of({})


def test_each_variable_is_taken(tmp_path: Path) -> None:
    said = {"HOME": str(tmp_path), "LOG": "log.parquet", "POLICY": "2", "AGAINST": "uniform", "SLOT": "1"}
    subject = Subject.of({f"RUMBO_{name}": text for name, text in said.items()} | {"RUMBO_REGISTER": "yes"})
    assert (subject.places.home, subject.log, subject.policy) == (tmp_path, Path("log.parquet"), "2")
    assert (subject.against, subject.slot, subject.registers) == ("uniform", 1, True)
    assert subject.log_read() == Path("log.parquet")


def test_a_slot_that_is_no_number_is_told(tmp_path: Path) -> None:
    with pytest.raises(SubjectInvalid, match="RUMBO_SLOT: 'first' is no number"):
        Subject.of({"RUMBO_HOME": str(tmp_path), "RUMBO_SLOT": "first"})


def test_what_is_no_version_of_the_registry_is_taken_as_it_is(tmp_path: Path) -> None:
    subject = Subject.of({"RUMBO_HOME": str(tmp_path)})
    for named in ("logging", "constant:welcome", "bundles/new"):
        with subject.at_hand(named) as policy:
            assert policy == named
