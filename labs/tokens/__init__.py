"""A small language model, served token by token: the engine, the host of a student's app, and what is measured."""
