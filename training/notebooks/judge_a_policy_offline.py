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
# # Judge a policy offline
#
# Would another policy have done better than what was done? A log of decisions can tell, as far as it holds decisions
# that the policy would have made too, and says with which probability each was made. `rumbo evaluate` tells the same
# by command; here it is looked at step by step.
#
# **What it is about** is said by the environment, before Jupyter starts, or by changing the next cell:
#
# | variable | meaning | without it |
# |---|---|---|
# | `RUMBO_COMPANY`, `RUMBO_HOME` | the company's folder, and its home | as for `rumbo` |
# | `RUMBO_LOG` | the log: exported or plain, a file or a folder | the company's own export, brought up to date |
# | `RUMBO_POLICY` | judged is `champion`, `challenger`, a number in the registry, a bundle, a table | `champion` |
# | `RUMBO_AGAINST` | against what: the same, `logging`, `uniform` or `constant:JOURNEY` | `logging` |
# | `RUMBO_SLOT` | the slot that is judged, given those before it | all slots together |

# %%
import os

from training.log.options import LogColumns
from training.study import judging
from training.study.subject import Subject

subject = Subject.of(os.environ)
columns = LogColumns()  # of a plain log with other names: LogColumns(reward="spend", features=("recency", "history"))
costs = None  # what contacts cost, in the unit of the reward: {"offer-mail": 0.1}

# %% [markdown]
# ## The log

# %%
judgement = judging.judged(subject, columns, costs)
judging.the_log(judgement)

# %% [markdown]
# ## What was shown, and what the policy takes
#
# Two policies that choose alike differ in little, and little can be told of a policy that chooses what was hardly
# ever shown.

# %%
judging.picture_of_choices(judgement)

# %% [markdown]
# ## Support
#
# Each row counts by its weight: how much more likely the policy shows what was shown than it was. The *effective
# sample size* is the number of decisions of the policy's own that would tell as much. A log is *thin*, and proves no
# gain, where one of these fails.

# %%
judging.support(judgement)

# %%
judging.picture_of_weights(judgement)

# %% [markdown]
# ## Values
#
# Value a decision, in the unit of the reward, of the policy (`model`), of what was done (`logging`), of a uniform
# choice and of each journey for everyone. IPS, SNIPS and DR can be relied on; DM and DR with shrinkage lean on a model
# of the reward, whose error is not in their intervals. No estimator knows that one decision changes who is eligible
# later.

# %%
judging.values(judgement)

# %%
judging.picture_of_values(judgement)

# %% [markdown]
# ## The verdict
#
# The two values are compared row by row, customer by customer: what both do alike cancels, so the error of the
# difference is smaller than two intervals side by side suggest.

# %%
judging.verdict(judgement)

# %% [markdown]
# ## What to do next

# %%
judging.advice(judgement)
