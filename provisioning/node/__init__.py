"""The files for machines: scripts, container recipes and pinned packages, one folder per kind of
machine.
"""
