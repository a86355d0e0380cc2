"""The commands that `inv` offers: one for each step and phase, and those beside them."""
