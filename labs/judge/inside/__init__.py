"""Stand-ins in a program's process: each passes a call on, and waits for its value.

So no truth is in here, and nothing can be read ahead. Code that takes over the process can only
answer requests, which is its task anyway.
"""
