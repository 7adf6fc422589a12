"""What a plain log has, said as a schema: the features named, by the types of their columns."""

from __future__ import annotations

from features.columns.facts import FeatureColumns
from features.derived import Age, Formula
from features.interactions import JOURNEY_COLUMNS
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from training.log.decisions import DecisionLog
from training.log.errors import LogInvalid

VIEW = "log"


def schema_of(log: DecisionLog) -> FeatureSchema:
    """The features of a log in order of name; of an instant, its age at the decision.

    Raises: LogInvalid for a log without any, or with a name that a column of every model has.
    """
    facts = log.choices.features
    for name in JOURNEY_COLUMNS:
        if name in _names(facts):
            raise LogInvalid(log.path, "every model has a column of this name; a feature needs another", column=name)
    return FeatureSchema(
        (
            *(_spec(name, FeatureType.DOUBLE) for name in sorted(facts.numbers)),
            *(_spec(name, FeatureType.STRING) for name in sorted(facts.texts)),
            *(_spec(name, FeatureType.TIMESTAMP) for name in sorted(facts.instants)),
            *(
                _spec(f"days_since_{name}", FeatureType.DOUBLE, Formula(Age.DAYS_SINCE, name))
                for name in sorted(facts.instants)
            ),
        )
    )


def _names(facts: FeatureColumns) -> set[str]:
    return {*facts.numbers, *facts.texts, *facts.instants}


def _spec(name: str, kind: FeatureType, formula: Formula | None = None) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view=VIEW,
        type=kind,
        unit="",
        description=name,
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
        formula=formula,
    )
