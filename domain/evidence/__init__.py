"""Evidence packages: what goes into one, in which words, byte for byte."""
