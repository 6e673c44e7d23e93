"""How answers are used in tasks that need a way of their own. No answer is here.

Where a class is graded, these modules are taken out of the student's reach, as those of the framework are.
"""
