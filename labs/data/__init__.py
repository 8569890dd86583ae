"""Images and labels, and the networks that take them: the data set, the classes, the one recipe for
inputs, models.
"""
