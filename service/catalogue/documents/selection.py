"""The form of what policies.yaml says of how slots are filled: exploration, saying nothing, arms."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents.form import Document
from service.catalogue.documents.forms import Learnable, Probability
from service.decision.journey import HELPING_KINDS, JourneyKind

SHARES = ("holdout", "random", "no_levers", "challenger")


class ExplorationDocument(Document):
    """How a slot is filled where the best of it is of this kind."""

    scheme: Literal["none", "epsilon", "softmax"] = Field(
        description="none: the best; epsilon: the best, or with probability `epsilon` any; softmax: by exp(priority / "
        "`temperature`)."
    )
    epsilon: Probability | None = Field(default=None, description="The share of draws in which all are alike.")
    temperature: float | None = Field(
        default=None, gt=0.0, description="In the unit of the priority: the greater, the more alike all are."
    )
    floor: Probability = Field(default=0.0, description="The least probability of each that may be drawn.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.epsilon is not None) != (self.scheme == "epsilon"):
            raise ValueError("epsilon goes with `scheme: epsilon`")
        if (self.temperature is not None) != (self.scheme == "softmax"):
            raise ValueError("temperature goes with `scheme: softmax`")
        if self.scheme == "none" and self.floor > 0.0:
            raise ValueError("a floor goes with `scheme: epsilon` or `scheme: softmax`")
        return self


class ExplorationPolicyDocument(Document):
    """What is drawn, so that there is something to learn from; service and resolution never are."""

    default: ExplorationDocument = Field(
        default=ExplorationDocument(scheme="none"), description="Of kinds that are not listed."
    )
    kinds: dict[JourneyKind, ExplorationDocument] = Field(default_factory=dict, description="By kind of journey.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for kind in sorted(HELPING_KINDS & self.kinds.keys()):
            if self.kinds[kind].scheme != "none":
                raise ValueError(f"kinds: {kind} journeys never explore")
        return self


class SilenceDocument(Document):
    """Saying nothing, as a candidate of each slot. It keeps no service or resolution journey away."""

    value: Learnable[float] = Field(
        default=0.0,
        description="What it is worth, in the unit of priorities; or `learned`: what would come by itself of the best "
        "that might be shown, 0 until a model tells.",
    )
    threshold: float = Field(
        default=0.0, description="How much more than silence the priority of a journey must be worth to be shown."
    )
    explored: bool = Field(default=False, description="Whether it is one of those that exploration draws from.")


class ArmsDocument(Document):
    """The shares of customers that are decided for otherwise; each stays in one arm while shares and salt stay."""

    salt: str = Field(min_length=1, description="Another one assigns customers to arms anew.")
    holdout: Probability = Field(default=0.0, description="Are shown nothing but service and resolution.")
    random: Probability = Field(default=0.0, description="Are shown any that is allowed, inside the best tier.")
    no_levers: Probability = Field(default=0.0, description="Are decided for without levers.")
    challenger: Probability = Field(
        default=0.0, description="Are decided for by the model that has the alias challenger, if there is one."
    )
    shadow: bool = Field(
        default=False, description="Whether the challenger scores every decision, for the record alone."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if math.fsum(getattr(self, share) for share in SHARES) > 1.0:
            raise ValueError("the shares of arms come to more than 1")
        return self
