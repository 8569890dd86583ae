"""The course as a Gradescope assignment: ``package`` makes the zip to upload, the rest runs inside
it.

Nothing is imported here: ``run``, which keeps the time, has to start in a moment and stay small
beside the grader.
"""
