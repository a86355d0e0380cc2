"""Where a gateway runs: a package for each target, behind the interface of `base.Target`."""
