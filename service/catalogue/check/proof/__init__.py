"""Checked conditions as formulas of the z3 solver. Each formula allows at least what the runtime does, never less.

So what the formulas rule out never happens, which is a proof; what they allow is a proposal that the runtime must
confirm. Importing these modules imports z3, which costs 0.2 s and as much again at its first question: only
`service.catalogue.check.proof.solver` does, when there is something to prove.
"""
