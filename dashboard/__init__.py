"""The read side: from a folder of day files to a live page, a terminal report and JSON."""
