"""The five phases, one file each, in the numbering of the runbook."""
