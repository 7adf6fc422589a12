"""What a company says of its models, and what of it a log can fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from features.columns.facts import FeatureColumns
from features.company.company import Company
from features.company.kept_registry import known_features
from features.interactions import ModelFeatures, features_of_term
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import FEATURE, LogColumns, is_exported

JOURNEY = "journey_id"
"""Without another group, ranking is measured within each journey."""
STRANGE = "it has no feature of the company that models may learn from: is it another company's log?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTerms:
    """The features that a log has of those that models may learn from; `notices` say what was left out, and why."""

    schema: FeatureSchema
    model: ModelFeatures = field(default_factory=ModelFeatures)
    monotone: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyModels:
    """The company's features, and its `training:`. `sensitive`: what no model sees, for nobody let it in by name."""

    schema: FeatureSchema
    model: ModelFeatures
    monotone: Mapping[str, int]
    group: str
    sensitive: frozenset[str]
    objective: str

    @classmethod
    def of(cls, company: Company, home: Path) -> Self:
        """Raises: CompanyInvalid."""
        known, said = known_features(company, home), company.document.training
        return cls(
            schema=known.schema,
            model=known.model,
            monotone=said.monotone,
            group=said.group,
            sensitive=sensitive_of(known.schema) - frozenset(said.sensitive),
            objective=said.objective or f"the objective of a journey of {company.name} is met within its window",
        )

    def columns_for(self, files: LogFiles, asked: LogColumns) -> LogColumns:
        """The columns of the features that models may see, and of what these are computed from, typed by the schema.

        Raises: LogInvalid for a feature that was asked for and that the company does not have, and for a log that has
            none that models may learn from: it is another company's.
        """
        for name in asked.features:
            if name not in self.schema.by_name:
                raise LogInvalid(files.path, "the company has no such feature (--features)", column=name)
        stored = _stored(files)
        specs = [spec for spec in self._learnable(asked.features) if _source(spec) in stored]
        if not specs:
            raise LogInvalid(files.path, STRANGE)
        names = tuple(dict.fromkeys(map(_source, specs)))
        texts = {spec.name for spec in specs if spec.type is FeatureType.STRING}
        group = asked.group or (None if self.group == JOURNEY else self.group)
        if group is not None and is_exported(files) and group not in files.columns:
            group = FEATURE + group
        return replace(asked, features=names, categorical=tuple(name for name in names if name in texts), group=group)

    def terms_for(self, files: LogFiles, asked: LogColumns, found: FeatureColumns) -> ModelTerms:
        """What can be learnt from, of what was found. Raises: LogInvalid where none is of the right type."""
        specs = self._learnable(asked.features)
        there = [spec for spec in specs if _is_in(spec, found)]
        if not there:
            raise LogInvalid(files.path, STRANGE)
        schema = FeatureSchema(tuple(there))
        interactions = {
            name: formula
            for name, formula in self.model.interactions.items()
            if all(features_of_term(term, schema) for term in formula.terms)
        }
        lacking = [spec.name for spec in specs if spec not in there and spec.name not in self.model.leave_out]
        strangers = sorted(_stored(files) - self.schema.by_name.keys()) if is_exported(files) else []
        notices = {
            "sensitive, not let in by `training.sensitive`": sorted(self.sensitive),
            "not in the log, or of another type there": [] if asked.features else lacking,
            "in the log, and no features of the company": strangers,
            "interactions of features that are left out": sorted(self.model.interactions.keys() - interactions.keys()),
        }
        return ModelTerms(
            schema=schema,
            model=ModelFeatures(leave_out=self.model.leave_out, interactions=interactions),
            monotone=self.monotone,
            notices=tuple(f"{why}: {', '.join(names)}" for why, names in notices.items() if names),
        )

    def _learnable(self, asked: tuple[str, ...]) -> list[FeatureSpec]:
        return [
            spec
            for spec in self.schema.features
            if not spec.is_situation and spec.name not in self.sensitive and (not asked or spec.name in asked)
        ]


def sensitive_of(schema: FeatureSchema) -> frozenset[str]:
    """The features of this class, and the ages that are counted from them."""
    own = {spec.name for spec in schema.features if spec.personal_data is PersonalData.SENSITIVE}
    return frozenset(own | {name for name, formula in schema.derived.items() if formula.source in own})


def _stored(files: LogFiles) -> set[str]:
    if not is_exported(files):
        return set(files.columns)
    return {name.removeprefix(FEATURE) for name in files.columns if name.startswith(FEATURE)}


def _source(spec: FeatureSpec) -> str:
    return spec.name if spec.formula is None else spec.formula.source


def _is_in(spec: FeatureSpec, found: FeatureColumns) -> bool:
    if spec.formula is not None:
        return spec.formula.source in found.instants
    of_type = {FeatureType.STRING: found.texts, FeatureType.TIMESTAMP: found.instants}
    return spec.name in of_type.get(spec.type, found.numbers)
