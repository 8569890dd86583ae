"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def within_budget__first_only(size_bytes, most_bytes, right, total, least_accuracy):
    """An elif looks at the accuracy only when the size is fine, so two broken bounds are never both listed."""
    broken = []
    if size_bytes > most_bytes:
        broken.append("size")
    elif right / total < least_accuracy:
        broken.append("accuracy")
    return broken


def within_budget__percent_for_share(size_bytes, most_bytes, right, total, least_accuracy):
    """The accuracy is computed in per cent but the bound is a share, so it hardly ever breaks."""
    broken = []
    if size_bytes > most_bytes:
        broken.append("size")
    if 100 * right / total < least_accuracy:
        broken.append("accuracy")
    return broken
