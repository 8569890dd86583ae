"""How the shipped data set and model were made: `python -m labs.recipes` rebuilds them."""
