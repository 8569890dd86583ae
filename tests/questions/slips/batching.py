"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def mean_batch__before_ignored(before, after):
    """Only the second reading is used, so the mean is that since the server started, not between the readings."""
    if after["execution_count"] == 0:
        return 0.0
    return after["inference_count"] / after["execution_count"]


def mean_batch__nothing_executed_forgotten(before, after):
    """The case that nothing was executed is forgotten, so it divides by zero."""
    images = after["inference_count"] - before["inference_count"]
    executions = after["execution_count"] - before["execution_count"]
    return images / executions


def busy__nanoseconds_as_microseconds(compute_ns, instances, wall_s):
    """The nanoseconds are divided by a million instead of a thousand million, as if they were microseconds."""
    return compute_ns / 1e6 / (instances * wall_s)


def busy__instances_ignored(compute_ns, instances, wall_s):
    """The time is not divided by the number of instances, so several of them can be busy more than all the time."""
    return compute_ns / 1e9 / wall_s
