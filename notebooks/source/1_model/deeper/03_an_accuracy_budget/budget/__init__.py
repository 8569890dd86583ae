"""The package of *An accuracy budget*: its question's reader of files."""
