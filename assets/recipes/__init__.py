"""How the shipped data set and model were made: `python -m assets.recipes` rebuilds them."""
