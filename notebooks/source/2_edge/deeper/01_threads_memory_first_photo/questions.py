"""The question of "Threads, memory, first photo": Amdahl's law, backwards."""

from grading.builder.questions import prediction, question

prediction(
    "threads.gain",
    "What do all cores bring, and how much of the memory is the file?",
    about={"kind": "latency", "option": "threads-1"},
    between=(0.01, 100),
    gain="all cores, times as fast as one",
    share="the INT8 file, % of its process's peak",
)


@question(
    "threads.amdahl",
    "The share that is divided, and the most that cores can bring",
    points=2,
    hint="Which part of the former time is gone? And which part of it would be gone if all of the work were divided?",
)
def amdahl(random):
    yield (
        (4 / 3, 2),
        "With two cores a quarter of the time is gone. If all were divided, half would be: a share of 0.5.",
    )
    yield (
        (1.6, 4),
        "Here 0.375 of the time is gone. If all were divided, 0.75 would be: a share of 0.5 again.",
    )
    yield (2.5, 4), "With a share of 0.8, a fifth of the time stays with any number of cores: 5 times as fast at most."
    yield (1.0, 4), "All cores were no gain: no work is divided, so infinitely many cores are no gain either."
    share, cores = float(random.integers(10, 99)) / 100, int(random.integers(2, 17))
    yield (1 / (1 - share + share / cores), cores), ""
