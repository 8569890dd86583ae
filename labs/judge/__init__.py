"""Judge programs from outside: the right answers, their order and the model remain here, and a
separate process runs one file and an asker.

A program's dependencies (a model, a network, an engine, a GPU's memory) call back through a pipe.
The judge answers with numbers that it has just drawn, and counts, delays or holds the calls. So a
program that answers correctly must have called the model. The judge can also test the properties
that a lesson teaches: whether an app answers while the model is busy, and how many calls eight
photos take.

A module a kind (``app``, ``triton``, ``script``) has one function from a path to facts, which a
lesson's check and the grader call alike; they differ in who starts the process
(``program.Start``). A deep dive's judge is the module ``judge`` of its package.
"""
