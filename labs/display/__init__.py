"""The style of charts and widgets in every room: style sheet, tables, display.

Nothing here needs more than the standard library, so Chameleon's own Jupyter shows it too.
"""
