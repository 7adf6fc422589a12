"""Trees that LightGBM would walk out of, or for ever, are refused before it sees them."""

from __future__ import annotations

import re
from collections.abc import Callable

import lightgbm
import numpy as np
import pytest

from models.trees import TreesMalformed, demand_trees
from tests.model_builders import bundle, resized

Change = Callable[[str], str]


@pytest.fixture(scope="module")
def text() -> str:
    return bundle().model_text


@pytest.fixture(scope="module")
def categorical() -> str:
    """Splits by sets of up to sixty categories, so by more than one word of 32 bits."""
    draw = np.random.default_rng(0)
    matrix = np.column_stack([draw.integers(0, 60, 3000), draw.random(3000)]).astype(np.float64)
    label = ((matrix[:, 0] % 3 == 0) & (matrix[:, 1] > 0.3)).astype(float)
    table = lightgbm.Dataset(matrix, label, categorical_feature=[0], params={"verbose": -1})
    return lightgbm.train({"objective": "binary", "verbose": -1}, table, 20).model_to_string()


def test_trees_of_lightgbm_are_trees(text: str, categorical: str) -> None:
    demand_trees(text)
    assert re.search(r"^num_cat=[1-9]", categorical, re.MULTILINE)
    demand_trees(categorical)


def test_trees_without_a_split_are_trees() -> None:
    table = lightgbm.Dataset(np.zeros((50, 2)), np.arange(50.0) % 2, params={"verbose": -1})
    demand_trees(lightgbm.train({"objective": "binary", "verbose": -1}, table, 3).model_to_string())


def set_last(name: str, place: int, value: str) -> Change:
    """One value of the last tree, which few customers reach."""

    def change(text: str) -> str:
        begins = text.rindex(f"\n{name}=") + len(name) + 2
        ends = text.index("\n", begins)
        values = text[begins:ends].split()
        values[place] = value
        return text[:begins] + " ".join(values) + text[ends:]

    return change


def replaced(pattern: str, by: str) -> Change:
    def change(text: str) -> str:
        changed, count = re.subn(pattern, by, text, count=1)
        assert count == 1
        return changed

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(set_last("right_child", 0, "99999"), id="a child that is not there"),
        pytest.param(set_last("right_child", 0, "-99999"), id="a leaf that is not there"),
        pytest.param(set_last("left_child", -1, "0"), id="a circle through the root"),
        pytest.param(set_last("right_child", -1, "2"), id="a node that is its own child"),
        pytest.param(set_last("right_child", -1, "-1"), id="a leaf of two parents"),
        pytest.param(set_last("split_feature", 0, "10"), id="a column beyond the last"),
        pytest.param(set_last("split_feature", 0, "-1"), id="a column before the first"),
        pytest.param(set_last("leaf_value", 0, "nan"), id="a leaf that is no number"),
        pytest.param(set_last("leaf_value", 0, "inf"), id="a leaf without end"),
        pytest.param(set_last("leaf_value", 0, "1e999"), id="a leaf beyond any number"),
        pytest.param(set_last("leaf_value", 0, "1_0"), id="a leaf that two readers read as two numbers"),
        pytest.param(set_last("leaf_value", 0, ""), id="a leaf too few"),
        pytest.param(set_last("leaf_weight", 0, ""), id="a weight too few"),
        pytest.param(set_last("threshold", 0, "nan"), id="a threshold that is no number"),
        pytest.param(set_last("decision_type", 0, "1"), id="a categorical split without categories"),
        pytest.param(set_last("num_leaves", 0, "2000000000"), id="two thousand million leaves"),
        pytest.param(set_last("num_leaves", 0, "0"), id="no leaf"),
        pytest.param(set_last("num_leaves", 0, "1" * 5000), id="a number that Python does not read"),
        pytest.param(set_last("is_linear", 0, "1"), id="leaves that are formulas"),
        pytest.param(replaced(r"\nleft_child=.*", ""), id="no children"),
        pytest.param(replaced(r"\nsplit_feature=", "\nsplit_feature=0 0 0\nsplit_feature="), id="a field twice"),
        pytest.param(replaced(r"num_class=1", "num_class=2"), id="two classes"),
        pytest.param(replaced(r"\ntree_sizes=.*", ""), id="no sizes"),
        pytest.param(replaced(r"\n\[seed: 0\]", "\n[seed  0]"), id="a parameter without a value"),
        pytest.param(lambda text: text[: text.index("[seed")], id="parameters cut"),
        pytest.param(lambda text: text[: len(text) // 2], id="cut in half"),
        pytest.param(lambda text: "", id="nothing"),
        pytest.param(lambda text: "tree\n", id="one word"),
    ],
)
def test_a_text_that_cannot_be_walked_is_refused(text: str, change: Change) -> None:
    with pytest.raises(TreesMalformed):
        demand_trees(resized(change(text)))


def test_trees_that_do_not_lie_where_their_sizes_say_are_refused(text: str) -> None:
    """LightGBM finds them by their sizes."""
    with pytest.raises(TreesMalformed, match="size"):
        demand_trees(set_last("leaf_count", 0, "1")(text).replace("tree_sizes=", "tree_sizes=9", 1))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(replaced(r"cat_boundaries=0 \d+", "cat_boundaries=0 99999"), id="a set beyond the last word"),
        pytest.param(replaced(r"cat_boundaries=0", "cat_boundaries=5"), id="sets that do not begin at the first"),
        pytest.param(replaced(r"cat_threshold=", "cat_threshold=1 "), id="a word too many"),
        pytest.param(replaced(r"num_cat=\d+", "num_cat=0"), id="no sets"),
        pytest.param(replaced(r"num_cat=\d+", "num_cat=-1"), id="fewer than no sets"),
    ],
)
def test_sets_of_categories_that_are_not_there_are_refused(categorical: str, change: Change) -> None:
    with pytest.raises(TreesMalformed):
        demand_trees(resized(change(categorical)))


@pytest.mark.parametrize("cut", range(0, 100, 7))
def test_a_text_that_is_cut_anywhere_is_refused(text: str, cut: int) -> None:
    """To the percent; what stands after the parameters says nothing of the trees."""
    whole = text[: text.index("end of parameters")]
    with pytest.raises(TreesMalformed):
        demand_trees(whole[: len(whole) * cut // 100])
