"""The signer's parts: following logs, asking witnesses, telling how it goes."""
