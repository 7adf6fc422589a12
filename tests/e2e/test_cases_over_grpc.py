"""The cases of the example catalogue over the wire: situations set up as they come about, and the same answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.catalogue.cases.answer import differences
from service.catalogue.cases.run import read_cases
from service.catalogue.load import load
from tests.e2e.case_setup import CaseFeatures, CaseModel, ask, set_up, tear_down
from tests.example import EXAMPLE, SCHEMA, TERMS
from tests.fixtures_service import running, settings_of
from tests.stores import sqlite_state


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_service_answers_every_case_as_the_core_does(own_home: Path) -> None:
    shutil.rmtree(own_home / "catalogue", ignore_errors=True)  # a home without one serves the example
    plan = load(EXAMPLE, TERMS).plan
    cases = [case for case in read_cases(EXAMPLE) if case.document.core_only is None]
    assert len(cases) >= 40
    features, model, settings = CaseFeatures(SCHEMA), CaseModel(), settings_of(own_home)
    found: list[str] = []
    async with running(own_home, features=features, model=model) as service:
        state = sqlite_state(settings.state_file, settings.durability)
        try:
            for number, case in enumerate(cases):
                customer, document = f"case-{number}", case.document.model_copy(update={"ended": None})
                features.cases[customer] = document
                model.give(document)
                await set_up(document, customer, service, state, plan)
                answer = await ask(document, customer, service, plan)
                found += [f"{case}: {difference}" for difference in differences(document, answer)]
                await tear_down(document, state)
        finally:
            await state.close()
    assert not found, "\n".join(found)
