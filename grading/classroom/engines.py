"""Where units of work run: processes of this machine, or an existing engine with many machines.

An engine is a function from tasks to pairs of task and outcome, in whatever order they come.
Engines lose no task: if a worker dies, its submission gets a second try, and after that a row with
a message.
"""

import multiprocessing
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from grading.classroom.unit import Done, Task, failed, work

Engine = Callable[[Sequence[Task]], Iterable[tuple[Task, Done]]]


def processes(workers: int, unit: Callable[[Task], Done] = work) -> Engine:
    """Return an engine with a number of processes on this machine."""

    def run(tasks: Sequence[Task]) -> Iterator[tuple[Task, Done]]:
        waiting = list(tasks)
        suspects: list[Task] = []
        while waiting:
            left = yield from _together(waiting, workers, unit)
            # A worker's death takes the pool with it. Tasks start in their order, so the culprit is
            # among the first that are left: those are tried again one by one, each with a process
            # of its own.
            begun = 2 * workers + 1
            suspects += left[:begun]
            waiting = left[begun:]
        for task in suspects:
            if (yield from _together([task], 1, unit)):
                yield task, failed(task, "the grader's process was killed twice (memory?)")

    return run


def dask(client, unit: Callable[[Task], Done] = work) -> Engine:
    """Return an engine on the Dask cluster of a ``distributed.Client``.

    If a worker is lost, the cluster repeats its tasks on another one, including tasks whose results
    were not fetched yet. Workers see the submissions and the checkout at the same paths as this
    machine does.
    """

    def run(tasks: Sequence[Task]) -> Iterator[tuple[Task, Done]]:
        from distributed import as_completed as finished

        # Not pure: two students may hand in the same bytes, and both want a result.
        futures = client.map(unit, list(tasks), pure=False, retries=3)
        by_key = {future.key: task for future, task in zip(futures, tasks, strict=True)}
        for future in finished(futures):
            task = by_key[future.key]
            try:
                # A finished result may be lost with its worker by now; this waits until it is
                # computed again.
                done = future.result()
            except Exception as error:  # one submission's row, not the end of the class
                done = failed(task, f"the cluster gave up on it: {type(error).__name__}")
            yield task, done

    return run


def _together(
    tasks: Sequence[Task], workers: int, unit: Callable[[Task], Done]
) -> Generator[tuple[Task, Done], None, list[Task]]:
    """Run tasks in one pool; return the remaining ones if the pool broke."""
    # Fresh processes off a small server: forking a process that has threads and models is a
    # lottery.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["grading.classroom.unit"])
    left = list(tasks)
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:
        futures = {pool.submit(unit, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                task = futures[future]
                try:
                    done = future.result()
                except BrokenProcessPool:
                    continue
                except Exception as error:  # one submission's row, not the end of the class
                    done = failed(task, f"{type(error).__name__}: {error}"[:300])
                left.remove(task)
                yield task, done
        finally:
            # A stop does not wait for tasks that have not begun.
            pool.shutdown(wait=True, cancel_futures=True)
    return left
