"""Facts about a function, each in a table of its own; nothing here edits."""
