"""The trees in a LightGBM text, for LightGBM follows any index there, also one that leads nowhere or in a circle.

Source: LightGBM 4, src/boosting/gbdt_model_text.cpp and src/io/tree.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)

IS_CATEGORICAL: Final = 1
"""The bit of `decision_type` that says so."""
END: Final = "end of trees"
PARAMETER: Final = re.compile(r"\[\w+: .*\]|")
OF_LEAVES: Final = ("leaf_weight", "leaf_count")
OF_NODES: Final = ("split_gain", "internal_value", "internal_weight", "internal_count")
"""What contributions are told by."""


class TreesMalformed(ValueError):
    """A text that LightGBM may read and yet cannot predict by."""


def demand_trees(text: str) -> None:
    """Every walk from a root ends at one leaf with a finite value, and looks only at what is there.

    Raises: TreesMalformed.
    """
    begins = text.find("\nTree=0\n") + 1
    header = _fields(text[:begins])
    if begins == 0 or (_int(header, "num_class"), _int(header, "num_tree_per_iteration")) != (1, 1):
        raise TreesMalformed("it is not one sequence of trees")
    columns = _int(header, "max_feature_idx") + 1
    for number, size in enumerate(_ints(header, "tree_sizes").tolist()):
        block = text[begins : begins + size]
        if size <= 0 or not (block.isascii() and block.startswith(f"Tree={number}\n") and block.endswith("\n")):
            raise TreesMalformed(f"tree {number} does not lie where its size says")
        try:
            _demand_tree(_fields(block), columns)
        except TreesMalformed as error:
            raise TreesMalformed(f"tree {number}: {error}") from error
        begins += size
    if not text.startswith(END, begins):
        raise TreesMalformed("there is something else after the last tree")
    _demand_parameters(text[begins:])


def _demand_parameters(rest: str) -> None:
    _, heading, parameters = rest.partition("\nparameters:\n")
    lines, end, _ = parameters.partition("\nend of parameters\n")
    if not (heading and end and all(PARAMETER.fullmatch(line) for line in lines.splitlines())):
        raise TreesMalformed("its parameters are not whole")


def _demand_tree(tree: Mapping[str, str], columns: int) -> None:
    leaves = _int(tree, "num_leaves")
    if tree.get("is_linear", "0") != "0":
        raise TreesMalformed("its leaves are not constants")
    values = _floats(tree, "leaf_value")
    if leaves < 1 or values.size != leaves or not np.isfinite(values).all():
        raise TreesMalformed("not every leaf has a finite value")
    if leaves == 1:
        return
    for names, count in ((OF_LEAVES, leaves), (OF_NODES, leaves - 1)):
        for name in names:
            _floats(tree, name, count)
    children = np.concatenate([_ints(tree, "left_child", leaves - 1), _ints(tree, "right_child", leaves - 1)])
    # A leaf is ~its number. Whatever is led to once, and is not the root, is led to by a walk that ends.
    if not np.array_equal(np.sort(children), np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)])):
        raise TreesMalformed("its nodes do not form a tree")
    features = _ints(tree, "split_feature", leaves - 1)
    if features.min() < 0 or features.max() >= columns:
        raise TreesMalformed("it splits by a column that is not there")
    if np.isnan(_floats(tree, "threshold", leaves - 1)).any():
        raise TreesMalformed("a threshold is no number")
    _demand_categories(tree, leaves - 1)


def _demand_categories(tree: Mapping[str, str], nodes: int) -> None:
    """The threshold of a categorical split is the number of a set, which lies between two boundaries."""
    is_categorical = (_ints(tree, "decision_type", nodes) & IS_CATEGORICAL).astype(bool)
    sets = _int(tree, "num_cat")
    if sets < 0 or (sets == 0 and is_categorical.any()):
        raise TreesMalformed("a set of categories is missing")
    if sets == 0:
        return
    boundaries = _ints(tree, "cat_boundaries", sets + 1)
    words = _ints(tree, "cat_threshold", int(boundaries[-1]))
    chosen = _floats(tree, "threshold")[is_categorical]
    is_among_sets = (chosen >= 0) & (chosen < sets)
    if boundaries[0] != 0 or (np.diff(boundaries) < 0).any() or (words < 0).any() or not is_among_sets.all():
        raise TreesMalformed("a set of categories is not what it should be")


def _fields(block: str) -> Mapping[str, str]:
    """`name=value` by line; a line without `=` is a heading or empty."""
    found: dict[str, str] = {}
    for line in re.split(r"[\r\n]+", block):
        name, equals, value = line.partition("=")
        if equals and name in found:
            raise TreesMalformed(f"{name} stands there twice")
        if equals:
            found[name] = value
    return found


def _int(fields: Mapping[str, str], name: str) -> int:
    return int(_ints(fields, name, 1)[0])


def _ints(fields: Mapping[str, str], name: str, count: int | None = None) -> Ints:
    try:
        values = np.array([int(text) for text in _texts(fields, name)], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise TreesMalformed(f"{name} holds what is no integer") from error
    return _counted(values, name, count)


def _floats(fields: Mapping[str, str], name: str, count: int | None = None) -> NDArray[np.float64]:
    try:
        values = np.array([float(text) for text in _texts(fields, name)], dtype=np.float64)
    except ValueError as error:
        raise TreesMalformed(f"{name} holds what is no number") from error
    return _counted(values, name, count)


def _texts(fields: Mapping[str, str], name: str) -> list[str]:
    """Python reads `1_0` as 10, LightGBM as 1."""
    value = fields.get(name, "")
    if "_" in value:
        raise TreesMalformed(f"{name} holds what is no number")
    return value.split()


def _counted(values: NDArray[Number], name: str, count: int | None) -> NDArray[Number]:
    if count is not None and values.size != count:
        raise TreesMalformed(f"{name} has {values.size} values, not {count}")
    return values
