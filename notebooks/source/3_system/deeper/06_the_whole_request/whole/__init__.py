"""What *The whole request* alone needs: an app's judge, servers of several makers, bytes in."""
