"""What a run leaves behind: the journal, the acceptance checklist, progress reports."""
