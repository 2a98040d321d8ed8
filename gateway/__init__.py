"""The front of the server: it speaks the wires, checks and limits callers, and moves frames. It decides nothing else."""
