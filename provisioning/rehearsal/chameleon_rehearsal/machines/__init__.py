"""The simulated machines: real SSH, a folder as the disk, and commands that are printed but not
run.
"""
