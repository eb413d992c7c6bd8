"""What the examples of Selinon's documentation name, written as its documentation says."""
