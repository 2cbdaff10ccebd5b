"""What generated code may call, copied into its text; imports numpy and numba only."""
