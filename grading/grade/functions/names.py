"""Names that both sides of the sandbox's wall use, for modules that do not import Jupyter."""

#: Module that pytest loads in the sandbox.
PLUGIN = "grading.grade.functions.plugin"

#: Where it tells how a cell ended, by its place. Each has a file of its own, so that none spoils
#: another's.
ENDINGS = "ending-{}.json"

#: Cases on which functions are called, by question; drawn outside.
CASES = "cases.json"

#: Where a function's results are written, by question.
RESULTS = "results-{}.json"
