"""A backend in a worker is the same backend; whatever happens to the worker is noticed, named and cleaned up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from labs.backends import BackendSpec, BackendUnavailableError
from labs.providers import ProviderBackend, WorkerDiedError, WorkerError, WorkerTimeoutError, open_backend
from labs.workspace import PROJECT_DIR


def worker_of(model: Path, python: str | Path = sys.executable, **settings: object) -> ProviderBackend:
    """Return a worker for a model on one thread; ``settings`` go to ``ProviderBackend``."""
    return ProviderBackend(BackendSpec("onnxruntime", str(model), {"intra_op_threads": 1}), python, **settings)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is more than a zombie that nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(pid: int, limit_s: float = 120) -> bool:
    """Return whether the process ended in time."""
    end_s = time.monotonic() + limit_s
    while is_running(pid) and time.monotonic() < end_s:
        time.sleep(0.02)
    return not is_running(pid)


def pid_of(backend: ProviderBackend) -> int:
    """Return the worker's process id."""
    return backend._process.pid


def test_worker_is_the_same_backend(small_model: Path, images: np.ndarray) -> None:
    """Bit for bit the logits of this process, and the same description."""
    with (
        open_backend(small_model, intra_op_threads=1) as here,
        open_backend(small_model, intra_op_threads=1, in_worker=True) as there,
    ):
        assert pid_of(there) != os.getpid()
        np.testing.assert_array_equal(there.predict(images), here.predict(images))
        assert there.describe() == here.describe()
        assert there.describe().providers_used["CPUExecutionProvider"] > 0


def test_timing_runs_over_there(small_model: Path, images: np.ndarray) -> None:
    """As many seconds as calls, all positive; a clock that cannot travel is refused, not ignored."""
    with worker_of(small_model) as backend:
        durations_s = backend.time_calls(images, 7)
        assert len(durations_s) == 7
        assert all(isinstance(one, float) and one > 0 for one in durations_s)
        with pytest.raises(ValueError, match=r"own time\.perf_counter"):
            backend.time_calls(images, 1, clock=lambda: 0.0)


def test_errors_keep_type_and_message(tmp_path: Path, small_model: Path) -> None:
    """A missing file and a missing provider are raised here as they were there, with the worker's traceback."""
    with pytest.raises(FileNotFoundError, match=r"no model at .*nowhere\.onnx") as missing:
        worker_of(tmp_path / "nowhere.onnx").load()
    assert "In the worker:" in missing.value.__notes__[0]
    absent = BackendSpec("onnxruntime", str(small_model), {"provider": "CUDAExecutionProvider"})
    with pytest.raises(BackendUnavailableError, match="has no CUDAExecutionProvider"):
        ProviderBackend(absent, sys.executable).load()


def test_a_bad_request_leaves_the_worker_alive(small_model: Path, images: np.ndarray) -> None:
    """An error that has no type here names its own, and the next request is answered."""
    with worker_of(small_model) as backend:
        with pytest.raises(WorkerError, match="InvalidArgument"):
            backend.predict(images[:, :, :100])
        assert backend.predict(images).shape == (2, 11)


def test_nothing_works_before_load_and_close_may_be_repeated(small_model: Path, images: np.ndarray) -> None:
    """Asking too early says what to do; closing twice, or without loading, is fine."""
    backend = worker_of(small_model)
    backend.close()
    with pytest.raises(WorkerError, match=r"call load\(\) first"):
        backend.predict(images)
    backend.load()
    pid = pid_of(backend)
    backend.close()
    backend.close()
    assert not is_running(pid)


def test_no_descriptor_is_left_open(small_model: Path) -> None:
    """Opening and closing workers again and again leaves nothing behind in this process."""
    with worker_of(small_model):
        pass  # whatever is imported or opened only once has been by now
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with worker_of(small_model):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_killed_worker_is_noticed_at_once_and_can_be_replaced(small_model: Path, images: np.ndarray) -> None:
    """The signal is named, nobody waits for a time-out, and load() starts a new worker."""
    backend = worker_of(small_model)
    backend.load()
    os.kill(pid_of(backend), signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match="killed by signal 9"):  # and no WorkerTimeoutError
        backend.predict(images)
    with pytest.raises(WorkerError, match=r"call load\(\) first"):
        backend.predict(images)
    backend.load()
    assert backend.predict(images).shape == (2, 11)
    backend.close()


def test_a_crash_shows_what_was_printed_last(small_model: Path, images: np.ndarray) -> None:
    """A worker that crashes in the middle of a request is reported with the end of its error stream."""
    with worker_of(small_model, variables={"PYTHONFAULTHANDLER": "1"}) as backend:
        pid = pid_of(backend)
        threading.Timer(0.3, os.kill, (pid, signal.SIGABRT)).start()
        with pytest.raises(WorkerDiedError, match=r"killed by signal 6(.|\n)*Fatal Python error: Aborted"):
            backend.time_calls(images, 10**7)


def test_an_environment_without_packages_says_which(tmp_path: Path, small_model: Path) -> None:
    """A worker that cannot even import shows the import error."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(WorkerDiedError, match=r"ended with code 1(.|\n)*No module named 'numpy'"):
        worker_of(small_model, tmp_path / "bare" / "bin" / "python").load()
    with pytest.raises(BackendUnavailableError, match="cannot start"):
        worker_of(small_model, tmp_path / "no" / "python").load()


@pytest.mark.parametrize("batch", [1, 64])
def test_a_worker_that_hangs_is_stopped(small_model: Path, batch: int) -> None:
    """Neither waiting for its answer nor handing it a large request goes on for ever, and no process is left."""
    backend = worker_of(small_model)
    backend.load()
    pid = pid_of(backend)
    backend._limit_s = 0.3
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(WorkerTimeoutError, match=r"did not predict within 0\.3 s"):
        backend.predict(np.zeros((batch, 3, 224, 224), np.float32))
    assert not is_running(pid)


def test_an_interrupt_stops_the_worker_too(small_model: Path, images: np.ndarray) -> None:
    """Interrupting a measurement ends it over there, and no stale answer is ever taken for a new one."""
    backend = worker_of(small_model)
    backend.load()
    pid = pid_of(backend)
    # As Jupyter's interrupt button does: to the thread that runs the cell.
    threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        backend.time_calls(images, 10**7)
    assert not is_running(pid)
    backend.load()
    assert backend.predict(images).shape == (2, 11)
    backend.close()


def test_a_dead_kernel_leaves_no_worker(tmp_path: Path, small_model: Path) -> None:
    """When the notebook's process is killed in the middle of a long measurement, the worker ends as well."""
    code = f"""
import numpy as np
from labs.providers import open_backend
backend = open_backend({str(small_model)!r}, in_worker=True, intra_op_threads=1)
backend.load()
print(backend._process.pid, flush=True)
backend.time_calls(np.zeros((1, 3, 224, 224), np.float32), 10**8)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR) as kernel:
        pid = int(kernel.stdout.readline())
        time.sleep(0.2)
        assert is_running(pid)
        kernel.kill()
    assert wait_for_end(pid)


def test_prints_cannot_be_taken_for_answers(tmp_path: Path, small_model: Path, images: np.ndarray) -> None:
    """Libraries that write to standard output, from Python and past it, all the time, disturb nothing."""
    (tmp_path / "sitecustomize.py").write_text(
        """
import os, sys, threading, time

def chatter():
    while os.readlink("/proc/self/fd/1") != os.readlink("/proc/self/fd/2"):
        time.sleep(0.001)  # until the worker has put its pipes away
    while True:
        print("a library prints", flush=True)
        os.write(1, b"and so does its C++ part\\n")
        time.sleep(0.001)

threading.Thread(target=chatter, daemon=True).start()
"""
    )
    path = os.pathsep.join([str(tmp_path), str(PROJECT_DIR)])
    with worker_of(small_model, variables={"PYTHONPATH": path}) as backend:
        first = backend.predict(images)
        for _ in range(20):
            np.testing.assert_array_equal(backend.predict(images), first)
        assert "its C++ part" in backend.printed()


def test_two_threads_may_ask(small_model: Path, images: np.ndarray) -> None:
    """A widget's thread and the notebook each get the answer to their own question."""
    with worker_of(small_model) as backend:
        expected = [backend.predict(images[index : index + 1]) for index in range(2)]
        wrong: list[int] = []

        def ask(index: int) -> None:
            answers = [backend.predict(images[index : index + 1]) for _ in range(20)]
            wrong.extend(index for answer in answers if not np.array_equal(answer, expected[index]))

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
