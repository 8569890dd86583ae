"""Names that both sides of the sandbox's wall know, for those who do not import Jupyter."""

#: Module that pytest loads in the sandbox.
PLUGIN = "grading.grade.functions.plugin"

#: Where it tells how each cell ended.
TOLD = "told.jsonl"

#: Cases on which functions are called, by question; drawn outside.
CASES = "cases.json"

#: Where the functions' results are written, a line each.
RESULTS = "results.jsonl"
