"""From uploaded files to notebooks: find out whose they are, and decide which of their cells are run."""
