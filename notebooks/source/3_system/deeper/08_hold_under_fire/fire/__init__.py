"""Seeded attacks on a photo service, among good photos: what it lost, and how it is judged."""
