"""Second right solutions of "Build an ensemble"."""


def most(seconds_of_steps, instances_of_steps):
    """Look for the step that takes longest for a request of the chain."""
    times = [seconds / instances for seconds, instances in zip(seconds_of_steps, instances_of_steps, strict=True)]
    place = max(range(len(times)), key=times.__getitem__)
    return [1 / times[place], place]
