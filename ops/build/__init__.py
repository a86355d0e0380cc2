"""What the steps of phase 2 do: files are rendered, compared with those on disk, and judged."""
