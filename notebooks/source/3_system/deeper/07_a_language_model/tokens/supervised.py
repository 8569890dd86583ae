"""``python -m labs.deeper.tokens.supervised APP --fd FD``: uvicorn with one worker below its
supervisor, which starts another one when that was killed.

``uvicorn --workers 1`` has no supervisor, and two workers would load the model twice and divide the
prompts between two batches.
"""

import argparse
import sys

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

#: Seconds that a worker gets to answer its supervisor: while it loads the tokenizer, it cannot.
_ANSWERS_S = 30


def main() -> int:
    """Serve until SIGTERM, and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("app")
    parser.add_argument("--fd", type=int)
    parser.add_argument("--log-level")
    options = vars(parser.parse_args())
    config = uvicorn.Config(**options, workers=1, timeout_worker_healthcheck=_ANSWERS_S)
    supervisor = Multiprocess(config, [config.bind_socket()])
    supervisor.run()
    statuses = [worker.exitcode for worker in supervisor.processes]
    return STARTUP_FAILURE if STARTUP_FAILURE in statuses else 0


# A worker imports this file once more.
if __name__ == "__main__":
    sys.exit(main())
