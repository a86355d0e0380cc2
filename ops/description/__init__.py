"""The description of a stack, the operator's settings, and where things lie."""
