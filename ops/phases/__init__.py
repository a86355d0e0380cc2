"""The phases of the runbook: a package each, a module for each of its steps; `table` lists them."""
