"""The course's front door: one command, and the front page that JupyterLab opens. No room calls
it.
"""
