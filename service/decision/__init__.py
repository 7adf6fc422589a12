"""The pure core: which journey, and why. No I/O, no clock, no randomness of its own; every input is an argument.

Read in this order: `journey` (what the catalogue offers), `facts` (what is known now), `verdict` (what a rule says),
`constraints/` (the rules), `plan` (a catalogue bound and indexed), `decide` (the pipeline), `record` (its memory).
"""
