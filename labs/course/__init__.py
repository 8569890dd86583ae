"""The course's lessons and questions, a class's assignment, its points, and the content of a
hand-in.

Lessons, the front page and the grader read it here and nowhere else, so nothing in it imports
anything heavy.
"""
