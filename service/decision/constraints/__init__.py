"""The hard constraints, one file each. How to add one:

1. Write a frozen dataclass with the parameters, a `code`, and `check(facts) -> Verdict`: pure, total, no I/O.
   Return ALLOWED, `deny(...)` on known facts, or `unknown(...)` when a fact it needs is missing, stale or unreachable.
2. Bind it in `registry.py`: say for which candidates it is built, from which YAML. Build none where it cannot deny.
3. Give its texts (es, en) in `service/texts.py`, a deny and an allow case, and a row in the README's table.

Equal rules are one object, so a rule is checked once a request for all the candidates it guards.
"""
