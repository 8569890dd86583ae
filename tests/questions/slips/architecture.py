"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def multiply_adds__groups_ignored(height, width, channels_in, channels_out, kernel, groups):
    """The groups are ignored, as if every output channel saw all the input channels."""
    return height * width * channels_in * channels_out * kernel * kernel


def multiply_adds__kernel_not_squared(height, width, channels_in, channels_out, kernel, groups):
    """The kernel's side is multiplied once instead of being squared."""
    return height * width * channels_out * (channels_in // groups) * kernel


def fastest_options__ties_kept(latencies_ms, accuracies):
    """An option counts as beaten only when another is better in both, so one that ties in one of them stays."""
    places = []
    for i in range(len(latencies_ms)):
        beaten = False
        for j in range(len(latencies_ms)):
            if latencies_ms[j] < latencies_ms[i] and accuracies[j] > accuracies[i]:
                beaten = True
        if not beaten:
            places.append(i)
    return places


def fastest_options__accuracy_wrong_way(latencies_ms, accuracies):
    """The accuracy is compared the wrong way round, as if a lower accuracy were better."""
    options = list(zip(latencies_ms, accuracies, strict=True))
    places = []
    for i, (ms, accuracy) in enumerate(options):
        if not any(m <= ms and a <= accuracy and (m, a) != (ms, accuracy) for m, a in options):
            places.append(i)
    return places
