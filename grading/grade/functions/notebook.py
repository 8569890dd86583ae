"""Our own notebook, into which the ledger's cells are grafted."""

from __future__ import annotations

import json
from collections.abc import Mapping


def skeleton(cells: Mapping[str, str], functions: Mapping[str, str]) -> str:
    """Return a notebook's text: a set-up, and a cell for each function, which makes and calls it.

    A student's cell stands in it as one literal, so that no comment or magic of its own speaks to nbval.

    Args:
        cells: Texts of students' cells, by question.
        functions: Names of the functions that are called, by question.
    """
    setup = "from grading.grade.functions.verbs import check"
    calls = [f"check({question!r}, {functions[question]!r}, {cell!r})" for question, cell in cells.items()]
    made: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for index, source in enumerate([setup, *calls])
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": made})
