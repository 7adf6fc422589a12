"""What `rumbo.yaml` and the notes add to the features of a registry, and whether it fits them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from features.company.company import Company, CompanyInvalid, read_form
from features.company.notes import FeatureNote, FeatureNotes, noted
from features.company.registry_reader import Remarks, listed
from features.derived import DERIVED_VIEW
from features.documents.form import meant
from features.documents.source import SourceFile, fault_line
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData


class Supplements:
    """Names, notes, ages and the model's part, as the company says them."""

    def __init__(self, company: Company, remarks: Remarks) -> None:
        self._company = company
        self._document = company.document.features
        self._remarks = remarks

    def check_names(self, specs: Sequence[FeatureSpec]) -> None:
        """One name, one feature; and what has another name in rumbo.yaml is there."""
        by_name: dict[str, list[FeatureSpec]] = defaultdict(list)
        for spec in specs:
            by_name[spec.name].append(spec)
        for name, same in by_name.items():
            if len(same) > 1:
                self._tell_of_one_name(name, same)
        known = {_place(spec) for spec in specs}
        for place in self._document.names if known else ():
            if place not in known:
                text = f"there is no such feature, or it is not read{meant(place, known)}"
                self._remarks.fault(("features", "names", place), text)

    def _tell_of_one_name(self, name: str, same: Sequence[FeatureSpec]) -> None:
        """`same`: several that have it. Where rumbo.yaml gave it, there."""
        given = [spec for spec in same if _place(spec) in self._document.names]
        if given:
            place = _place(given[-1])
            taken = next(_place(spec) for spec in same if spec is not given[-1])
            text = f"'{name}' is the name of {taken} too: give it another, such as {place.replace('.', '_')}"
            self._remarks.fault(("features", "names", place), text)
            return
        views = " and ".join(spec.view for spec in same)
        place = _place(same[-1])
        hint = f"features: {{names: {{{place}: {place.replace('.', '_')}}}}}"
        self._remarks.fault(("features",), f"'{name}' is in the views {views}: name one of them, such as {hint}")

    def noted(self, specs: Sequence[FeatureSpec]) -> list[FeatureSpec]:
        """With what the notes say, which goes before the registry."""
        file, notes = self._notes()
        names = {spec.name for spec in specs}
        for name in sorted(notes.keys() - names):
            text = f"{name} is no feature that is read{meant(name, names)}"
            self._remarks.notice(fault_line(file.place((name,)), (), text))
        found = [noted(spec, notes.get(spec.name)) for spec in specs]
        for name in [s.name for s in specs if s.formula is not None and s.name in notes and notes[s.name].max_age]:
            self._remarks.notice(f"{self._document.notes}: {name} is as old as its source: its max_age is not read")
        bare = [spec.name for spec in found if not (spec.unit and spec.owner and spec.description)]
        if bare:
            self._remarks.notice(f"without description, unit or owner: {listed(bare)}")
        return found

    def _notes(self) -> tuple[SourceFile, Mapping[str, FeatureNote]]:
        """The file, and what it says by feature."""
        name = self._document.notes
        if name is None:
            return SourceFile(name=""), {}
        try:
            file, notes = read_form(self._company.folder, name, FeatureNotes)
        except CompanyInvalid as error:
            self._remarks.faults += error.faults
            return SourceFile(name=name), {}
        return file, notes.root

    def check_formulas(self, specs: Sequence[FeatureSpec]) -> None:
        """A derived age has an instant to be counted from: a feature, or the latest of an event type."""
        types = {spec.name: spec.type for spec in specs}
        latest = {event.latest for event in self._company.document.events.values() if event.latest}
        for name, formula in self._document.derived.items():
            path = ("features", "derived", name)
            if name in types:
                self._remarks.fault(path, f"'{name}' is a feature already")
            if formula.source not in types and formula.source not in latest:
                near = meant(formula.source, {n for n, kind in types.items() if kind is FeatureType.TIMESTAMP} | latest)
                text = f"'{formula.source}' is no feature, nor the `latest` of an event type{near}"
                self._remarks.fault(path, text)
            elif types.get(formula.source, FeatureType.TIMESTAMP) is not FeatureType.TIMESTAMP:
                self._remarks.fault(path, f"'{formula.source}' is {types[formula.source]}, not an instant")

    def check_training(self, schema: FeatureSchema) -> None:
        """What training is told of features fits them."""
        said = self._company.document.training
        for i, name in enumerate(said.sensitive):
            self._demand_feature(("training", "sensitive", i), name, schema)
        for name in said.monotone:
            self._demand_feature(("training", "monotone", name), name, schema)
            spec = schema.by_name.get(name)
            if spec is not None and spec.type not in (FeatureType.DOUBLE, FeatureType.INT, FeatureType.BOOL):
                self._remarks.fault(("training", "monotone", name), f"'{name}' is {spec.type}, which does not rise")

    def _demand_feature(self, path: tuple[str | int, ...], name: str, schema: FeatureSchema) -> None:
        if name not in schema.by_name:
            self._remarks.fault(path, f"there is no feature '{name}'{meant(name, schema.by_name)}")

    def derived(self, specs: Sequence[FeatureSpec]) -> Iterator[FeatureSpec]:
        """In the order of rumbo.yaml. It ages with its source, so it declares no age of its own."""
        by_name = {spec.name: spec for spec in specs}
        for name, formula in self._document.derived.items():
            source = by_name.get(formula.source)
            yield FeatureSpec(
                name=name,
                view=DERIVED_VIEW,
                type=FeatureType.DOUBLE,
                unit="days",
                description=f"{formula}, when a decision is made.",
                owner="" if source is None else source.owner,
                personal_data=PersonalData.PERSONAL if source is None else source.personal_data,
                max_age_s=None,
                formula=formula,
            )

    def model(self, schema: FeatureSchema) -> ModelFeatures:
        """What a model sees: all that is named must be there."""
        said = self._document.model
        model = ModelFeatures(leave_out=frozenset(said.leave_out), interactions=said.interactions)
        for name in sorted(model.leave_out - schema.by_name.keys()):
            self._demand_feature(("features", "model", "leave_out", said.leave_out.index(name)), name, schema)
        for name, fault in model.faults(schema):
            self._remarks.fault(("features", "model", "interactions", name), fault)
        return model


def _place(spec: FeatureSpec) -> str:
    """VIEW.FEATURE, as the registry has it."""
    return f"{spec.view}.{spec.stored_as or spec.name}"
