"""The page for people: a tiny builder of inert HTML, and what is built with it."""
