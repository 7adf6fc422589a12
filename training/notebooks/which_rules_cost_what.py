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
# # Which rules cost what
#
# Every decision records each journey that was denied, with every reason. `rumbo state export` writes that as a second
# table, `_denials`, beside the decisions; here both are read.
#
# **What it is about** is said by the environment, before Jupyter starts, or by changing the next cell:
#
# | variable | meaning | without it |
# |---|---|---|
# | `RUMBO_COMPANY`, `RUMBO_HOME` | the company's folder, and its home | as for `rumbo` |
# | `RUMBO_LOG` | the folder of an export | the company's own, brought up to date |

# %%
import os

from training.study import rules
from training.study.subject import Subject

subject = Subject.of(os.environ)
log = rules.the_log(subject)
rules.summary(log)

# %% [markdown]
# ## How many candidates each rule denies
#
# A candidate is a journey that has an action for the channel that asked. All rules are looked at for each, so one may
# be denied by several. `alone`: by this rule and no other, so it would have been allowed without it. `first` and
# `left`: as if one rule came after another, in the order in which reasons are told.

# %%
rules.denials(log)

# %%
rules.picture_of_denials(log)

# %% [markdown]
# ### Together
#
# Rules that deny the same candidates can hide each other: to lift one of them changes nothing.

# %%
rules.picture_of_rules_together(log)

# %% [markdown]
# ## Journeys that compete
#
# Two journeys compete where the audiences of both hold for the same customer at the same moment, whatever else denied
# them then. `share_of_journey`: of the decisions in which the audience of the first holds. Where it is near 100 % the
# first never has a customer to itself.

# %%
rules.overlaps(log)

# %%
rules.picture_of_overlaps(log)

# %% [markdown]
# ## Journeys that never win
#
# They were candidates, and no decision ranked them: denied by a rule, or outranked by another journey.

# %%
rules.journeys_never_shown(log)

# %% [markdown]
# ## Customers with nothing to show
#
# To say nothing is an answer like any other; here is how often it was given, to whom, and which rule alone stood
# between such a customer and at least one journey.

# %%
rules.customers_with_nothing(log)

# %%
rules.rules_in_between(log)

# %% [markdown]
# ## The value that each rule withholds
#
# Of the candidates that this rule alone denied: expected = P(met) × value − cost, at least 0. P(met) is the mean of
# what the journey was scored with where it was allowed, else the prior of its owner; the cost is the mean of its
# actions on that channel.
#
# **It is an upper bound.** Slots are limited: `value` counts all denied journeys of a decision, `best` the best of each
# decision alone, as if that had been shown in addition to what was. AUDIENCE, STAGE and NOT_VALID_NOW say for whom,
# where and when a journey is; those whom they deny are just those of whom less is to be expected than of the ones it
# was scored for, so they are listed, and not drawn. A cap that withholds value today may be what keeps the customer
# reading tomorrow: no log of one policy can tell.

# %%
rules.dearest_rule(log)

# %%
rules.values_withheld(log)

# %%
rules.picture_of_values_withheld(log)

# %% [markdown]
# ## What came of it, by journey and stage
#
# `actions` says what was proposed there, and what the catalogue expects of the customer. `met` is the objective, within
# its window; `reward` its mean, in the company's unit of value.

# %%
rules.what_came_of_it(log)

# %%
rules.picture_of_rates(log)

# %% [markdown]
# ### What customers answered
#
# NPS: % of answers of 9 and 10 less % of those of 0 to 6. CES: the mean, from 1 to 7.

# %%
rules.answers(log)
