"""Traced matrices count what was done to them, and a small cache and a warp make of it what can be
reckoned by hand.
"""

import numpy as np
import pytest

from labs.judge.traced import (
    CACHE_LINES,
    LINE_NUMBERS,
    Touch,
    instructions,
    sectors,
    traced,
    transactions,
)


def test_rows_fetch_each_line_once_and_columns_one_for_each_number():
    """A matrix of more rows than the cache has lines, read both ways."""
    rows, columns = 2 * CACHE_LINES, 2 * LINE_NUMBERS
    along, down = traced(np.ones((rows, columns)), np.ones((rows, columns)))
    for i in range(rows):
        for j in range(columns):
            assert along[i, j] == 1
    for j in range(columns):
        for i in range(rows):
            assert down[i, j] == 1
    assert (along.reads(), along.fetched()) == (rows * columns, rows * columns / LINE_NUMBERS)
    assert (down.reads(), down.fetched()) == (rows * columns, rows * columns)


def test_the_line_unused_longest_leaves():
    """With one line more than there is room for, the first line is gone; lines used since then
    stay.
    """
    (matrix,) = traced(np.zeros((CACHE_LINES + 1, LINE_NUMBERS)))
    for row in range(CACHE_LINES):
        matrix[row, 0] = 1
    assert matrix[0, 1] == 0
    matrix[CACHE_LINES, 0] = 1
    assert matrix.fetched() == CACHE_LINES + 1
    assert matrix[0, 2] == 0
    assert matrix.fetched() == CACHE_LINES + 1, "row 0 was used since"
    assert matrix[1, 1] == 0
    assert matrix.fetched() == CACHE_LINES + 2, "row 1 had left"


def test_parts_of_a_matrix_write_into_its_log_and_its_numbers():
    """Rows that are added to as a whole count each number read and each written."""
    a, b = traced([[2.0, 3.0]], [[1.0, 1.0], [5.0, 6.0]])
    row = b[1]
    row += a[0, 1] * b[0]
    b[0] += 1
    assert b.values.tolist() == [[2, 2], [8, 9]]
    row_1_added = [(0, False), (1, False), (2, False), (3, False), (2, True), (3, True)]
    row_0_added = [(0, False), (1, False), (0, True), (1, True)]
    assert [(touch.place, touch.is_write) for touch in b.log] == row_1_added + row_0_added


@pytest.mark.parametrize(
    "product", [lambda a, b: a @ b, np.dot, np.matmul, lambda a, b: np.einsum("ik,kj", a, b)]
)
def test_numpys_own_product_is_refused(product):
    """Otherwise one call would pass for a kernel."""
    a, b = traced(np.ones((3, 3)), np.ones((3, 3)))
    with pytest.raises(TypeError, match="kernel"):
        product(a, b)


def test_a_warp_is_32_threads_at_one_line_in_one_turn():
    """Neighbours share sectors, strangers do not; another turn, line or warp is another
    instruction.
    """
    row = [Touch(place, False, (0, 0, 0), place, 7, 1) for place in range(64)]
    column = [Touch(64 * thread, False, (0, 0, 0), thread, 7, 2) for thread in range(32)]
    touches_of = instructions([*row, *column])
    assert [len(touches) for touches in touches_of.values()] == [32, 32, 32]
    assert [sectors(touches) for touches in touches_of.values()] == [4, 4, 32]
    assert transactions([*row, *column]) == 40
