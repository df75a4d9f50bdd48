"""Stage 4: what is measured along depth: scalogram and conditional scale entropy."""
