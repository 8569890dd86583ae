"""Prometheus beside the course's servers: the program itself, recorded series to ask it about, and an incident."""
