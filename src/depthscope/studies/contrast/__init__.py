"""The contrast of two conditions, and the evidence for and against it: the trunk that other studies build on."""
