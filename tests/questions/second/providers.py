"""Another right way to write the function of "Execution providers"."""


def precision(logits, expected):
    """Number by number."""
    largest = max(abs(one) for row in expected for one in row)
    pairs = zip(logits.ravel(), expected.ravel(), strict=True)
    return all(abs(one - other) <= largest / 20000 for one, other in pairs)
