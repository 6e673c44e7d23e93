"""The errors that end a run or a submission, each with a sentence for the teacher."""


class UserError(ValueError):
    """Says in a sentence why this is not read."""


class NotebookError(ValueError):
    """Says in a sentence why these bytes are no notebook."""


class GradebookError(ValueError):
    """Says in a sentence why these results don't fit into that gradebook."""


class GraderError(Exception):
    """Says in a sentence that the grader does not work on this machine: no student is to blame."""
