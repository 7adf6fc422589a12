"""What a sound catalogue cannot mean: conditions that never hold, journeys nobody gets, caps that never bind.

Each module looks at one thing and adds what it found to `Problems`; `service.catalogue.check.check` calls them all. The
modules say in their docstrings what they look for and how severe it is.
"""
