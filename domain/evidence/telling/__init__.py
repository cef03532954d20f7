"""What all who tell a story share: reading it leniently, and making its words harmless."""
