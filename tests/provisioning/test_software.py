"""The software that set-up installs, the downloads that it only starts, and the private files.
Commands run for real.
"""

import time

BOOT = ("lease", "server", "address", "ssh", "materials")


def log_of(run) -> str:
    """Return everything that a run says, and see that it ends well."""
    log = "\n".join(event.text for event in run.events())
    assert run.failures == {}
    return log


def test_what_is_fetched_in_the_background_holds_up_nothing(memory, make_run, course):
    """The step ends at once; the job continues on the machine, runs only once, and starts again
    after a failure.
    """
    memory.give_lease("serve-model-ada")
    home = memory.folder_shell.home
    script = course / "provisioning/node/bin/providers.sh"
    script.write_text(
        f"cd {home}\necho run >> runs\nwhile [ ! -f go ]; do sleep 0.05; done\ntest -f good\n"
    )
    steps = (*BOOT, "updates", "drivers", "environment", "providers")
    assert "on its way while you go on" in log_of(make_run(only=steps))
    log_of(make_run(only=steps))
    while not (home / "runs").exists():
        time.sleep(0.05)
    assert (home / "runs").read_text().split() == ["run"]
    (home / "go").touch()
    result = home / ".serving-labs/jobs/providers/rc"
    while not result.exists():
        time.sleep(0.05)
    assert result.read_text().strip() == "1"
    (home / "good").touch()
    log_of(make_run(only=steps))
    while not result.exists() or result.read_text().strip() != "0":
        time.sleep(0.05)
    assert "the execution providers' environments: there" in log_of(make_run(only=steps))
    assert (home / "runs").read_text().split() == ["run", "run"]


def test_the_images_own_cuda_does_not_reach_what_brings_its_own(memory, make_run, course):
    """A login shell of the CUDA image sets the loader's path; scripts, and Jupyter with its
    kernels, run without it.
    """
    memory.give_lease("serve-model-ada")
    memory.folder_shell.environment["LD_LIBRARY_PATH"] = "/usr/local/cuda/lib64"
    (course / "provisioning/node/bin/data.sh").write_text(
        'echo "<${LD_LIBRARY_PATH-none}> on $LABS_IMAGE"\n'
    )
    assert "<none> on CC-Ubuntu24.04-CUDA" in log_of(make_run(only=(*BOOT, "data")))
