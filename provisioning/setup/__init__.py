"""From a lease to a machine that is ready: steps that run side by side and resume where they
stopped.
"""
