"""A token's map over time out of the decoder's own attention: LEAF-X, choice by choice."""
