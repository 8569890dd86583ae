"""The look that charts and widgets share in every room: one style sheet, tables in HTML and in text, and what is shown.

Nothing here needs more than the standard library, so Chameleon's own Jupyter shows it too.
"""
