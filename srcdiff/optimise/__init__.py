"""IR to IR: the same function with less work."""
