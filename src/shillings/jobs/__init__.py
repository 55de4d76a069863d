"""What the application layer does when nobody asks."""
