"""The training side of Ganvas: stages that prepare, train, export, evaluate and register generative models."""

import os

# Torch's threads wait for each other by spinning, by default for 300,000 turns (GCC's manual of libgomp, which reads
# this when torch is imported). Beside another busy process that keeps the very thread from running that is waited for.
# On a machine of one's own fewer turns cost nothing (docs/operations.md). The variable, where it is set, is kept.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
