"""What is put on a machine: scripts, container recipes and pinned packages, one folder a kind of
machine.
"""
