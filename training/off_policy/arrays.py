"""The shapes that everything here is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""(n,)"""
Matrix = NDArray[np.float64]
"""(n, J)"""
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
