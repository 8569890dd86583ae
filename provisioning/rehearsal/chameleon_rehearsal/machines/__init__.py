"""The machines that are played: SSH for real, a folder for a disk, and commands that are said and
not run.
"""
