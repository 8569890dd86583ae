"""Second right ways to write the functions of "What measurements can say"."""


def fewest(q):
    """Return the number, by trying."""
    n, share = 1, q / 100
    while share**n > 0.025:
        n += 1
    return n


def more(have, width, wanted):
    """Return the number by way of the ratio of the widths."""
    narrower = wanted / width
    return have / (narrower * narrower)


def claim(at_least, at_most):
    """Return what is left when 1 is not inside."""
    if at_least <= 1 <= at_most:
        return "cannot tell"
    return "faster" if at_least + at_most > 2 else "slower"
