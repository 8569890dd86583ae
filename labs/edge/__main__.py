"""`python -m labs.edge`: the edge commands alone.

A device has none of the other rooms' packages.
"""

from labs.edge.cli import app

if __name__ == "__main__":
    app()
