"""What can be wrong with a model: it is not there, or it is not what was saved."""

from __future__ import annotations

from features.errors import RumboError


class ModelMissing(RumboError):
    """No model can be served: nothing was trained into this home, or its registry cannot be read."""


class NothingTrained(ModelMissing):
    """No model was trained into this home yet."""


class RegistryUnusable(ModelMissing):
    """The registry's database is not one."""


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


class TrialUnfinished(RumboError):
    """Whether a bundle can score is not known: the process that tries it was stopped, or had no time."""


class HomeMoved(RumboError):
    """The tracking store was made in another folder, and MLflow keeps absolute paths."""
