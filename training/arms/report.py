"""What the arms of a log tell, as JSON has it, described field by field."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Verdict(StrEnum):
    """Of a comparison, at the last look."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "not_enough_evidence"


class ArmForm(_Form):
    """Customers by the arm of their first decision since there are arms."""

    arm: str
    share: float | None = Field(description="Of customers, by the newest row of it; null where the log does not say.")
    entered: int = Field(description="Customers who had a decision that could have shown something.")
    entered_expected: float | None = Field(description="As many as should have by the shares of the time.")
    counted: int = Field(description="Those of whom all is known: their windows are over.")
    counted_expected: float | None = Field(description="As many as should by the shares of the time.")
    value: float | None = Field(description="Mean of what these did in their windows; null without any.")


class RatioForm(_Form):
    """Whether customers fell into the arms by the shares: Pearson's chi-square over arms and times of equal shares."""

    customers: int
    chi_square: float
    degrees_of_freedom: int
    p: float | None = Field(description="Of as large a difference by chance; null where nothing can be compared.")


class LookForm(_Form):
    """The lift as it stood at the end of a day (UTC)."""

    day: date
    lift: float | None
    low: float | None = Field(description="Where the interval begins; null while too few are known.")
    high: float | None


class ComparisonForm(_Form):
    """How much more the customers of one arm did than those of another."""

    arm: str
    against: str
    since: datetime = Field(
        description="From then on both arms had customers; each counts by the first decision since."
    )
    customers: int = Field(description="Of the arm, of whom all is known.")
    customers_against: int
    waiting: int = Field(description="Of both, whose windows are not over.")
    left_out: int = Field(description="Who had been decided for before, by arms that differ as those do now.")
    moved: int = Field(description="Of those counted, who were in another arm before their windows were over.")
    value: float | None = Field(description="Mean of what a customer of the arm did in the windows.")
    value_against: float | None
    of_outcomes: float | None = Field(
        description="The part of `value` that was told of contacts, as outcomes; who is shown nothing has none of it."
    )
    of_outcomes_against: float | None
    lift: float | None = Field(description="value - value_against; null while nothing is known of one of them.")
    low: float | None = Field(description="Where its interval begins at the last look; null while too few are known.")
    high: float | None
    alpha: float = Field(description="The probability that the interval leaves the truth out at some look, at most.")
    smallest_lift: float | None = Field(description="Which so many customers show with 80 % power, at this look alone.")
    asked_lift: float | None = Field(description="The lift that `more_customers` is for: --lift, else the one seen.")
    more_customers: int | None = Field(description="Of both arms, that would show it with 80 % power; null: too many.")
    verdict: Verdict | None = Field(description="null where it is withheld.")
    shown_on: date | None = Field(description="The first day at whose end the interval left out 0; null if none did.")
    looks: tuple[LookForm, ...]


class ArmsReport(_Form):
    """What the arms of a log brought."""

    log: str
    since: datetime | None = Field(description="What was asked for.")
    first_decided: datetime
    last_decided: datetime
    last_known: date | None = Field(description="The last day on which all became known of a customer who counts.")
    arms: tuple[ArmForm, ...]
    entered: RatioForm = Field(description="Over all customers, by their first decision since there are arms.")
    counted: RatioForm = Field(description="Over those of them of whom all is known.")
    withheld: str | None = Field(description="Why no verdict is given; null where they are.")
    comparisons: tuple[ComparisonForm, ...]
    notices: tuple[str, ...] = Field(description="What could not be told, and what a reader must know.")
