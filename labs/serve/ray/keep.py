"""``keep.py FOLDER start --block …``: the command ``ray``, ended when its standard input ends.

It runs in Ray's own environment. The notebook holds the other end of the pipe, so no cluster outlives a kernel, and
the folder of its sockets and logs goes with it.
"""

from __future__ import annotations

import shutil
import sys

from ray.scripts.scripts import main

from labs.serve.ending import stop_at_end_of_input

if __name__ == "__main__":
    stop_at_end_of_input()
    folder = sys.argv.pop(1)
    try:
        main()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
