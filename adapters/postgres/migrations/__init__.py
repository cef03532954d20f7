"""Every change to the schema, in order. A file here never changes once it was released."""
