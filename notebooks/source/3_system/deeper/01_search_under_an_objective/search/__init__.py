"""The package of *A search under an objective*: its question's reader of records."""
