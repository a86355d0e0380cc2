"""The phases: a package each, a module for each of its steps; `table` lists them."""
