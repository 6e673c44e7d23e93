"""What a set's notebook starts from: nets to inspect, code to repair. No answer is here.

Where a class is graded, a student's process has these modules and none of the sets. They can
be reached there, so they import nothing of the framework.
"""
