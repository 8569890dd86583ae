"""Names that both sides of the sandbox's wall use, for modules that do not import Jupyter."""

#: Module that pytest loads in the sandbox.
PLUGIN = "grading.grade.functions.plugin"

#: The one notebook of a run.
NOTEBOOK = "answers.ipynb"

#: Path of the record of a cell's end, by the cell's place. Each cell has a separate file, so that
#: it cannot damage another's.
ENDINGS = "ending-{}.json"

#: Cases on which functions are called, by question; drawn outside.
CASES = "cases.json"

#: Where a function's results are written, by question.
RESULTS = "results-{}.json"
