"""What is asked: the course's lessons and questions, a class's assignment, what it is worth, what a hand-in may hold.

Lessons, the front page and the grader read it here and nowhere else, so nothing in it imports anything heavy.
"""
