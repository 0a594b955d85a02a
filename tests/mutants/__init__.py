"""Mutants of engine, features and rules: one small fault at a time that the tests must see. `make mutants` runs them.

`places` finds what can be changed and plants it, `plugin` counts which test reaches which line and runs those tests
on each mutant, `explained.yaml` holds the mutants that no test can tell from the original, each with the reason.
"""
