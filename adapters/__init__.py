"""One module per outside system; each implements a port of the domain by its shape."""
