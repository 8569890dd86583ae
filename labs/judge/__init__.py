"""Programs judged from outside: truth, order and the model stay here, one file and an asker run in a process apart.

What a program stands on (a model, a network, an engine, a GPU's memory) calls back through a pipe. The judge answers
with numbers drawn there, counts the calls, delays them, holds them back. So whoever answers right has asked, and the
properties that a lesson teaches can be asked for: who is alive while the model is busy, how many calls six photos take.

A module a kind (``app``, ``workers``, ``triton``, ``script``, ``stream``, ``router``, ``kernel``) has one function from
a path to facts, which a lesson's check and the grader call alike; they differ in who starts the process
(``program.Start``).
"""
