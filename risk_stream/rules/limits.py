"""How large a rule file may be: what is above is refused in one sentence, so that no file can exhaust a worker."""

from __future__ import annotations

__all__ = [
    "MAX_DEPTH",
    "MAX_EXPRESSION",
    "MAX_FEATURES",
    "MAX_FILES",
    "MAX_FILE_BYTES",
    "MAX_FILE_NODES",
    "MAX_GIVEN",
    "MAX_GIVEN_IN_FILE",
    "MAX_GIVEN_TEXT",
    "MAX_INLINED_DEPTH",
    "MAX_LITERAL",
    "MAX_LITERALS",
    "MAX_LOAN_MS",
    "MAX_NODES",
    "MAX_PROBLEMS",
    "MAX_RULES",
    "MAX_TAGS",
    "MAX_TESTS",
    "MAX_TEXT",
    "MAX_WINDOW_MS",
]

#: Bytes of one rule file.
MAX_FILE_BYTES = 2_000_000

#: Rule files of one plan.
MAX_FILES = 10_000

#: Rules in one file.
MAX_RULES = 5_000

#: Features in one file.
MAX_FEATURES = 2_000

#: Tests of one rule.
MAX_TESTS = 200

#: Events of one test in a rule file, and of all tests of a file; characters of a text in one.
MAX_GIVEN = 1_000
MAX_GIVEN_IN_FILE = 30_000
MAX_GIVEN_TEXT = 200

#: Tags of a file, and of a rule beside them.
MAX_TAGS = 50

#: Characters of one expression.
MAX_EXPRESSION = 4_000

#: Operations nested in one another in one expression (a sum of n terms nests n - 1 deep).
MAX_DEPTH = 50

#: Operations nested in one another once the features an expression names are put in their place.
MAX_INLINED_DEPTH = 150

#: Operations of one expression once the features it names are put in their place.
MAX_NODES = 2_000

#: Operations, features and fields of all rules of a file together, those of features counted in each rule.
MAX_FILE_NODES = 500_000

#: Values in one list behind ``in``.
MAX_LITERALS = 500

#: Largest magnitude of a number in an expression: beyond it float64 no longer tells neighbouring integers apart.
MAX_LITERAL = 2.0**53

#: Characters of a summary or a why.
MAX_TEXT = 2_000

#: Problems that are named of one file: what is wrong behind them shows once they are mended.
MAX_PROBLEMS = 100

#: Longest window: ten years.
MAX_WINDOW_MS = 3_650 * 86_400_000

#: Longest window of arrears, which reaches back to a loan's first instalment: forty years.
MAX_LOAN_MS = 14_600 * 86_400_000
