"""How answers are used in tasks that need special treatment. No answer is here.

Where a class is graded, these modules are taken out of the student's reach, as those of the framework are.
"""
