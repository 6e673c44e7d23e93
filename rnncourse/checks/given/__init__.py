"""What a set's notebook is given, and how its tasks' answers are used: no answer is here.

Where a class is graded, a student's process has these modules and none of the sets.
"""
