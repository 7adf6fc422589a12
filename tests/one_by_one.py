"""Models of tests, of which many customers are asked for one after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow, RowsAsked
from features.values import FeatureRow


class ModelOneByOne(ABC):
    """Told of one, it tells of many."""

    @abstractmethod
    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]: ...

    def score_many(self, asked: Sequence[RowsAsked]) -> list[NDArray[np.float64]]:
        return [self.score(one.row, one.at, one.journeys) for one in asked]
