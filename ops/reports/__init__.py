"""Records of runs: the journal, the acceptance checklist, progress reports."""
