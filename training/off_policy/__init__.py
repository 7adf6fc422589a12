"""Off-policy evaluation: what another policy would have earned, told from a log of randomised decisions.

A policy is a matrix (n, J) of probabilities, a row a decision, a column a journey; `policies` makes the plain ones.
`Logged` holds the log, `evidence` what it says of one policy, `estimators` turn that into scores, `intervals` scores
into a value with its error; `difference` compares two policies, `support` says when a log is too thin to trust.
All rewards are taken as given: that one decision changes who is eligible later (caps, fatigue) is in no estimator.
"""
