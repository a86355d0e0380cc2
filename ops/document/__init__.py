"""What the steps of phase 5 do: the guides, their generated blocks, and the error codes."""
