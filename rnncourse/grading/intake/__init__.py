"""From uploaded files to notebooks: whose they are, and which of their cells are run."""
