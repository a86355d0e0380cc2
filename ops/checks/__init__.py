"""What the steps of phase 4 do: tests of a deployed gateway, over its public names."""
