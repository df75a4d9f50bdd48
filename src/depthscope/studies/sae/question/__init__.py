"""Our own question: do latents that fire on metaphorical tokens sit where CSE differs, and does CSE change without them?"""
