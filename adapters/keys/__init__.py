"""Who holds the keys that data keys are wrapped with, one module each; and what those seal."""
