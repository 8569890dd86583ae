"""Chameleon through python-chi. Only ``adapter`` imports chi, which takes a second and 150 MB."""
