"""What is touched: one module per thing. Activities know ports, never adapters."""
