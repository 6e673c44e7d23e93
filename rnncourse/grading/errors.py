"""The errors that end a run or a submission. The message of each is a sentence for the teacher."""


class UserError(ValueError):
    """Something that the user passed cannot be read, written or graded."""


class NotebookError(ValueError):
    """These bytes are not a notebook."""


class GradebookError(ValueError):
    """These results cannot be recorded in that gradebook."""


class GraderError(Exception):
    """The grader does not work on this machine. No student is to blame."""
