"""From source text to typed SSA IR."""
