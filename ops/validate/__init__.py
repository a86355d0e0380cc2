"""Are the rendered files right? Asked of the tools that will read them, and of rules no tool knows."""
