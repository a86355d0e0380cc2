"""Make `vectors.npz` from `topics.toml`: ``python -m ops.standins.shop``, after every change of a wording."""

from __future__ import annotations

import numpy as np

from ops.standins.embedding import embed
from ops.standins.shop.likeness import DIMENSIONS, VECTORS, fingerprint
from ops.standins.shop.topics import wordings


def main() -> None:
    """Embed every wording; a byte per component is enough to tell them apart."""
    vectors = np.array([embed(text, DIMENSIONS) for text in wordings()])
    codes = np.round(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
    np.savez_compressed(VECTORS, codes=codes, made_from=np.array(fingerprint()))


if __name__ == "__main__":
    main()
