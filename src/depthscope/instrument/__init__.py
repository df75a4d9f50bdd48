"""Stage 4. What is measured along depth: scalogram and conditional scale entropy."""
