"""Where task results are kept."""
