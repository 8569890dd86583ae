"""The package of *Fewer pixels*: its question's reader of a file."""
