"""LightGBM's own shared library, asked what a text predicts: n rows in one call, equal to `lightgbm.Booster.predict`.

The package around the library costs seconds and 150 MB, for pandas, scikit-learn and scipy come with it; whoever only
scores has no use for them. Source: LightGBM 4, include/LightGBM/c_api.h.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Mapping, Sequence
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import BoosterFailed, BoosterUnreadable, LibraryMissing

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

SUFFIXES: Final = {"darwin": "dylib", "win32": "dll"}
ROW_MAJOR: Final = 1
FLOAT64: Final = 1
NORMAL, RAW, CONTRIBUTIONS = 0, 1, 3
"""What is asked: on the scale of the objective, before that, and what each column added to the latter."""
EVERY_TREE: Final = -1
NAME_BYTES: Final = 256

SIGNATURES: Final[Mapping[str, Sequence[Any]]] = {
    "LGBM_BoosterLoadModelFromString": (c_char_p, POINTER(c_int), POINTER(c_void_p)),
    "LGBM_BoosterFree": (c_void_p,),
    "LGBM_BoosterGetNumFeature": (c_void_p, POINTER(c_int)),
    "LGBM_BoosterGetFeatureNames": (c_void_p, c_int, POINTER(c_int), c_size_t, POINTER(c_size_t), POINTER(c_char_p)),
    "LGBM_BoosterCalcNumPredict": (c_void_p, c_int, c_int, c_int, c_int, POINTER(c_int64)),
    "LGBM_BoosterPredictForMat": (
        c_void_p,  # booster
        c_void_p,  # (rows, columns) in C order
        c_int,  # the type of its cells
        c_int32,  # rows
        c_int32,  # columns
        c_int,  # whether rows lie one after another
        c_int,  # what is asked
        c_int,  # first tree
        c_int,  # trees
        c_char_p,  # parameters
        POINTER(c_int64),  # values given
        POINTER(c_double),  # where they go
    ),
}


@cache
def library() -> ctypes.CDLL:
    """That of the package installed, which is not imported. Raises: LibraryMissing."""
    spec = find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise LibraryMissing("LightGBM is not installed")
    package = Path(spec.submodule_search_locations[0])
    name = f"lib_lightgbm.{SUFFIXES.get(sys.platform, 'so')}"
    found = [file for folder in ("lib", "bin", "..") if (file := package / folder / name).is_file()]
    if not found:
        raise LibraryMissing(f"{package} has no {name}")
    try:
        loaded = ctypes.CDLL(str(found[0]))
    except OSError as error:
        raise LibraryMissing(f"LightGBM cannot be loaded: {error}") from error
    loaded.LGBM_GetLastError.restype = c_char_p
    for function, arguments in SIGNATURES.items():
        getattr(loaded, function).argtypes = arguments
    return loaded


class Booster:
    """One text, read. Immutable; may be asked from several threads at once."""

    def __init__(self, text: str) -> None:
        """Raises: BoosterUnreadable for what LightGBM cannot read, or tells more than one value a row; LibraryMissing.

        Some texts end the process: whoever does not know where one is from tries it in another first.
        """
        self._library = library()
        self._handle = c_void_p()
        try:
            self._call("LGBM_BoosterLoadModelFromString", text.encode(), byref(c_int()), byref(self._handle))
            weakref.finalize(self, self._library.LGBM_BoosterFree, self._handle).atexit = False
            self.columns = self._columns()
            given = (self._given(NORMAL), self._given(CONTRIBUTIONS))
        except BoosterFailed as error:
            raise BoosterUnreadable(str(error)) from error
        if given != (1, len(self.columns) + 1):
            raise BoosterUnreadable(f"it gives {given[0]} values a row")

    def predict(self, matrix: Matrix, *, threads: int = 1) -> Vector:
        """(n,) for (n, columns). Raises: BoosterFailed."""
        return self._predicted(matrix, NORMAL, 1, threads).reshape(-1)

    def raw(self, matrix: Matrix) -> Vector:
        """(n,) before the objective's scale: log-odds, of a probability. Raises: BoosterFailed."""
        return self._predicted(matrix, RAW, 1).reshape(-1)

    def contributions(self, matrix: Matrix) -> Matrix:
        """(n, columns + 1) what each column added to `raw`; the last is the base. Raises: BoosterFailed."""
        return self._predicted(matrix, CONTRIBUTIONS, len(self.columns) + 1)

    def _predicted(self, matrix: Matrix, asked: int, width: int, threads: int = 1) -> Matrix:
        rows, columns = matrix.shape
        if columns != len(self.columns):  # rows of another length would be read beyond their ends
            raise BoosterFailed(f"a matrix of {columns} columns, the model has {len(self.columns)}")
        out = np.empty((rows, width))
        if rows == 0:
            return out
        cells = np.ascontiguousarray(matrix, dtype=np.float64)
        given, parameters = c_int64(), b"num_threads=%d" % threads
        place, into = cells.ctypes.data, out.ctypes.data_as(POINTER(c_double))
        shape = (FLOAT64, rows, columns, ROW_MAJOR)
        trees = (0, EVERY_TREE)
        self._call("LGBM_BoosterPredictForMat", self._handle, place, *shape, asked, *trees, parameters, given, into)
        return out

    def _columns(self) -> tuple[str, ...]:
        count, width = c_int(), c_size_t(NAME_BYTES)
        self._call("LGBM_BoosterGetNumFeature", self._handle, byref(count))
        while True:
            room = width.value
            names = [ctypes.create_string_buffer(room) for _ in range(count.value)]
            places = (c_char_p * count.value)(*(ctypes.cast(name, c_char_p) for name in names))
            sizes = (count, byref(c_int()), room, byref(width))
            self._call("LGBM_BoosterGetFeatureNames", self._handle, *sizes, places)
            if width.value <= room:
                return tuple(name.value.decode(errors="replace") for name in names)

    def _given(self, asked: int) -> int:
        values = c_int64()
        self._call("LGBM_BoosterCalcNumPredict", self._handle, 1, asked, 0, EVERY_TREE, byref(values))
        return values.value

    def _call(self, function: str, *arguments: object) -> None:
        if getattr(self._library, function)(*arguments) != 0:
            raise BoosterFailed(self._library.LGBM_GetLastError().decode(errors="replace"))
