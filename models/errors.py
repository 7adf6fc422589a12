"""What can be wrong with a model: it is not there, or it is not what was saved."""

from __future__ import annotations

from collections.abc import Sequence

from features.errors import RumboError


class ModelMissing(RumboError):
    """No model can be served: nothing was trained into this home, or its registry cannot be read."""


class NothingTrained(ModelMissing):
    """No model was trained into this home yet."""


class VersionUnknown(ModelMissing):
    """A version that the registry does not have."""

    def __init__(self, model: str, number: str, known: Sequence[str]) -> None:
        listed = f"there are: {', '.join(known)}" if known else "there is none: run `rumbo train`"
        super().__init__(f"the model {model} has no version {number}; {listed}")


class ChampionChanged(ModelMissing):
    """What a version was found better than serves no longer."""

    def __init__(self, model: str, number: str) -> None:
        super().__init__(
            f"version {number} of the model {model} is champion no more, so nothing is promoted: try again"
        )


class BundleUnfit(RumboError):
    """A bundle that this company's features cannot fill, or that tells something else than it needs."""

    def __init__(self, version: str, misfits: Sequence[str]) -> None:
        super().__init__(f"model {version} does not fit the company: {'; '.join(misfits)}: run `rumbo train`")
        self.misfits = tuple(misfits)


class RegistryUnusable(ModelMissing):
    """The registry's database is not one."""


class PointerUnreadable(ModelMissing):
    """The file that says which models serve is not one."""


class BundleCorrupt(RumboError):
    """A bundle is not, byte for byte, what was saved; it never serves."""

    def __init__(self, part: str, why: str) -> None:
        """`part` is the file of the bundle that is wrong."""
        super().__init__(f"model bundle: {part}: {why}")
        self.part = part
        self.why = why


class BundleOutdated(BundleCorrupt):
    """A bundle that another release saved in its own form; only training makes it anew."""

    def __init__(self, part: str, form: object, readable: int) -> None:
        super().__init__(part, f"is of form {form!r}, this release reads {readable}: train again with `rumbo train`")


class LibraryMissing(RumboError):
    """LightGBM's shared library is not where its package is, or cannot be loaded."""


class BoosterFailed(RumboError):
    """LightGBM refused what it was asked, in its own words."""


class BoosterUnreadable(BoosterFailed):
    """A text is no model of one value a row."""


class TrialUnfinished(RumboError):
    """Whether a bundle can score is not known: the process that tries it was stopped, or had no time."""


class HomeMoved(RumboError):
    """The tracking store was made in another folder, and MLflow keeps absolute paths."""
