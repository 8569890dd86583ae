"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def most_a_second__steps_added(seconds_of_steps, instances_of_steps):
    """The steps' times are added up as for a latency, as if a step waited until the whole chain is done."""
    times = [seconds / instances for seconds, instances in zip(seconds_of_steps, instances_of_steps, strict=True)]
    return 1 / sum(times), times.index(max(times))


def most_a_second__place_not_returned(seconds_of_steps, instances_of_steps):
    """Only the rate is returned; the place of the step that limits it is missing."""
    rates = []
    for seconds, instances in zip(seconds_of_steps, instances_of_steps, strict=True):
        rates.append(instances / seconds)
    return min(rates)
