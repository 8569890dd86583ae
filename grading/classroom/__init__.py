"""A whole class: the same unit of work for each submission, kept results, likeness, and a
report.
"""
