"""A study that is made up, outside of the package: how long are updates along depth? The smallest that a study can be."""
