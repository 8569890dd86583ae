"""The package of *Execution providers*: its question's reader of records."""
