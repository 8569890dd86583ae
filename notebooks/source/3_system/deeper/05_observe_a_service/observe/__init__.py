"""Prometheus beside the course's servers: the program itself, and recorded series to ask it
about.
"""
