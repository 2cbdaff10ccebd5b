"""The intermediate representation: values, ops, blocks and functions, and how to build and walk them."""
