"""nbgrader's settings: solutions/ is the source of the exercises, exercises/ what learners get.

`nbgrader generate_assignment "*"`, run here, makes exercises/ anew from solutions/.
A class's work lies in submitted/, autograded/ and feedback/, and nbgrader's database in gradebook.db.
"""

c = get_config()  # noqa: F821 - nbgrader puts it there

c.CourseDirectory.course_id = "rnncourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# What a learner finds where the answer goes. The checks take this error to mean "not written yet".
c.ClearSolutions.code_stub = {
    "python": '# your code: replace these two lines\nraise NotImplementedError("not written yet")'
}

# Cells tagged "explanation" come after a solution, and are not given out with the exercise.
c.GenerateAssignment.preprocessors.prepend(["nbconvert.preprocessors.TagRemovePreprocessor"])
c.TagRemovePreprocessor.enabled = True
c.TagRemovePreprocessor.remove_cell_tags = {"explanation"}

# exercises/ is never edited by hand, so it is always written anew.
c.GenerateAssignment.force = True

# Honest work costs nothing: a check cell that was deleted comes back, a warning is no failed test.
c.OverwriteCells.add_missing_cells = True
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "Warning"

# Seconds a cell may run, then it is stopped.
c.Execute.timeout = 60
