"""The commands: what `inv` offers, over the runbook's steps and beside them."""
