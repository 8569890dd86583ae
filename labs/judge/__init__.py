"""Programs judged from outside: the right answers, their order and the model remain here; one file
and an asker run in a separate process.

What a program stands on (a model, a network, an engine, a GPU's memory) calls back through a pipe.
The judge answers with numbers drawn there, counts the calls, delays them, holds them back. So a
program that answers correctly must have called the model. The judge can also test the properties
that a lesson teaches: whether an app answers while the model is busy, and how many calls six photos
take.

A module a kind (``app``, ``triton``, ``script``) has one function from a path to facts, which a
lesson's check and the grader call alike; they differ in who starts the process
(``program.Start``). A deep dive's judge is the module ``judge`` of its package.
"""
