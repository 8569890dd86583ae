"""Packing the course for Trovi, Chameleon's collection of launchable artifacts, and publishing it there."""
