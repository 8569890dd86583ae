"""Another right way to write the functions of "Fewer pixels"."""

import statistics


def bargain(before_right, after_right, before_s, after_s):
    lost = sum(before_right) - sum(after_right)
    return lost / len(before_right) * 100, statistics.median(before_s) / statistics.median(after_s)
