# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train and compare
#
# From the company's own decisions to a challenger: what it learnt from, how well it tells what it had not seen, where
# it is wrong, what it goes by, and whether it is better than the model that serves. `rumbo train` does the same by
# command, and leaves most of it in MLflow.
#
# **What it is about** is said by the environment, before Jupyter starts, or by changing the next cell:
#
# | variable | meaning | without it |
# |---|---|---|
# | `RUMBO_COMPANY`, `RUMBO_HOME` | the company's folder, and its home | as for `rumbo` |
# | `RUMBO_LOG` | the log to learn from | the company's own export, brought up to date |
# | `RUMBO_TEST_FROM` | from which day rows are held out, to measure on | `training.test_from`, else folds |
# | `RUMBO_REGISTER` | `yes`: the model goes into the registry in the end | nothing is registered |

# %%
import os

from training.study import comparing
from training.study.subject import Subject

subject = Subject.of(os.environ)

# %% [markdown]
# ## What it learnt from

# %%
challenger = comparing.challenger(subject)
comparing.what_it_learnt_from(challenger)

# %% [markdown]
# ## How well it tells rewards
#
# On rows that it had not seen, beside the simplest that could do instead: the mean of all (`constant`), that of each
# journey, and what `training.baselines` names. A model that is no better than the rate of the journey has learnt
# nothing of customers. `loss` is of expected rewards; all other figures are of P(met), by which the service ranks.

# %%
comparing.measures(challenger)

# %%
comparing.picture_of_calibration(challenger)

# %% [markdown]
# ## By slice
#
# What came ÷ what was expected says whether a part of the customers is promised too much or too little. Features of the
# class `sensitive` are cut by as well, whether the model sees them or not.

# %%
comparing.slices(challenger)

# %%
comparing.picture_of_slices(challenger)

# %% [markdown]
# ## What it goes by
#
# Which columns lowered the loss most in training, over all rows…

# %%
comparing.picture_of_importance(challenger)

# %% [markdown]
# …and what each added to the score of one decision, the last that was measured. Another one is shown by its place:
# `comparing.one_decision(challenger, 0)` is the first. `rumbo decision ID` tells the same of what was served.

# %%
comparing.one_decision(challenger)

# %% [markdown]
# ## Against the champion
#
# Both tell P(met) of the same rows; the difference of their log losses is taken row by row, customer by customer. To
# tell better is not yet to decide better: that is what *Judge a policy offline* is for, with
# `RUMBO_POLICY=challenger` and `RUMBO_AGAINST=champion`.

# %%
duel = comparing.duel(challenger, subject)
comparing.measures_of_both(duel, challenger)

# %%
comparing.verdict(duel, challenger)

# %% [markdown]
# ## Into the registry

# %%
comparing.registered(challenger, subject)
