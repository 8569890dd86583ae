"""What runs beside a program, in its process: stand-ins that pass each call on, and wait for its value.

So no truth is in here, and nothing can be read ahead. Whoever takes the process over can do no more than answer
requests, which is what is asked.
"""
