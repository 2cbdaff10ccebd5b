"""From a function to its adjoint, IR to IR."""
