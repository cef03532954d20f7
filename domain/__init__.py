"""The rules of the control plane: what may follow what. No I/O, no clock, no randomness."""
