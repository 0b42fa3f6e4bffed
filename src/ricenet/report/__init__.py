"""The report and the board: HTML pages."""
