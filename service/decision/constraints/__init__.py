"""The hard constraints, one file each. How to add one, say AGE_OF_ACCOUNT, which a journey asks for by
`min_account_age: 30d`:

1. The rule: a file here with a frozen dataclass of its parameters, a `code`, and `check(evaluation) -> Verdict`: pure,
   total, no I/O. `not_valid_now.py` is a short one; `rule.py` says what a rule has, `service/decision/facts.py` what it
   may look at: `evaluation.facts`. It returns ALLOWED; `deny(...)` on known facts, with the values that it saw;
   `unknown(...)` where a fact is missing, stale or unreachable, which `STRICT.verdict(code, facts, [feature])` of
   `unknown.py` makes for features. What it looks at of the situation it names in `reads`, so that it is unknown while
   the state store is away; `span` says how far back (of features alone: `Span()`), `seen(evaluation)` what it saw, for
   `rumbo catalogue explain`, and `named(journey_id)` which of its code it is. What rules of its kind would compute
   again and again, `evaluation.once` keeps for the question at hand.
   Reckon with instants and `facts.now`, not with ages: `facts.features` has both, and `features/derived.py` says which
   instant an age follows from. `eligible_after` is believed only if the rule, asked again at that instant with the same
   facts, allows.
2. Its parameter in the YAML: a field in `service/catalogue/documents/journey.py` (of a journey) or in
   `service/catalogue/documents/policies.py` (of the company), and one in `RuleInputs` or `Policies` of
   `registry.py`. The module of the same name in `service/catalogue/bind` fills it, and binds again a rule that holds
   a condition. `rumbo catalogue schema` writes it to `service/catalogue/json_schema`, where editors find it.
   If it looks at a feature, the company names it: a role in `FactsDocument` of those policies, with a default, handed
   on by `Policies`. `_check_facts` of `service/catalogue/bind/policies.py` refuses a name that is no feature of its
   type, for the rule would deny for ever.
3. Wiring in `registry.py`: a function that builds it for the candidates it can deny and for no others, and an entry in
   BINDERS, at the place where its reason is to be told. NEVER_BYPASSED, if no journey may pass it.
4. Texts, es and en, in `service/texts/wording.py`: DENIALS, and WHETHER if it may lack a fact or reads the situation;
   a fact that it may lack gets its name in NAMES, under `fact`.
   `{name}` is a parameter of its reason, told as a duration if it ends in `_s`; a part in brackets is left out when its
   value is not known.
5. Proof: a unit test in `tests/unit/decision`; in `service/examples/complete_journey/catalogue`, a journey that uses it
   and, under `cases`, one case where it alone denies and one where it allows; a row of the table in
   `service/guides/journey-owner.md`, in the order of BINDERS, and from that row alone the rule once more in
   `tests/oracle/rules.py`; `tests/oracle/plain.py` writes its parameter as YAML, `tests/oracle/draw.py` has its code in
   CODES and draws the parameter and what the rule reads. What it reads belongs to the customers of
   `cases/defaults.yaml` and of `tests/policy/customers.py`, where an age does not give its instant. What is missing
   `rumbo catalogue test` names, then the tests in `tests/unit/catalogue`, `tests/unit/texts`, `tests/policy` and
   `tests/unit/test_documents.py`, and `tests/oracle/test_answers.py -k AGE_OF_ACCOUNT`, which takes the rule away to
   see whether the oracle finds out; `make test-all` has them all.

Equal rules are one object, so a rule is checked once a request for all the candidates it guards.
"""
