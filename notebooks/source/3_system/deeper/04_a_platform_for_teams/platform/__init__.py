"""What *A platform for several teams* alone needs: a router's judge, and clients that retry."""
